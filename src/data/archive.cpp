#include "vit/data/archive.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "hash.h"
#include "tar_image.h"
#include "vit/core/error.h"
#include "vit/core/text.h"
#include "vit/io/tar.h"

namespace vit::data {
namespace fs = std::filesystem;
namespace {

/// The part of a name that begins behind the last slash.
std::string_view last_of(std::string_view name) { return name.substr(name.rfind('/') + 1); }

/// What a name ends in, behind its last dot, in small letters.
std::string suffix_of(std::string_view name) {
  const auto last = last_of(name);
  const auto dot = last.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return "";
  std::string suffix(last.substr(dot + 1));
  for (auto& c : suffix)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return suffix;
}

bool is_tar_name(std::string_view name) { return suffix_of(name) == "tar"; }

/// `train/n01440764` of `train/n01440764.tar`'s name: what it is called.
std::string stem_of(std::string_view name) {
  const auto last = last_of(name);
  return std::string(last.substr(0, last.rfind('.')));
}

/// The folder that holds a member; empty where none does.
std::string folder_of(std::string_view name) {
  const auto folder = fs::path(name).lexically_normal().parent_path().filename().string();
  return folder == "." ? "" : folder;
}

std::optional<std::int64_t> class_number(std::string_view text) {
  std::int64_t number = -1;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  constexpr std::int64_t kMostClasses = 1 << 24;
  const bool whole = error == std::errc{} && rest == text.data() + text.size();
  return whole && number >= 0 && number < kMostClasses ? std::optional(number) : std::nullopt;
}

/// An image, by what its archives say of it. ImageNet has more than a million.
struct ArchivedImage {
  std::uint64_t offset, size;  // in the outermost archive
  std::uint64_t name_at;       // in the names
  std::uint32_t name_size;     // below the outermost archive
  std::uint32_t path_at;       // in the name: where its path in the innermost archive begins
  std::uint32_t archive;       // the outermost
  std::int32_t label;
};

class ImageArchives : public Dataset {
 public:
  ImageArchives(const std::vector<fs::path>& tars, std::int64_t channels,
                const ArchiveOptions& options)
      : archives_(tars), channels_(channels) {
    for (std::uint32_t i = 0; i < archives_.size(); ++i)
      read_archive(i, options.named_by_file ? stem_of(archives_[i].string()) : "");
    const auto where = archives_.empty() ? "archives" : printable(archives_.front().string());
    if (images_.empty()) throw DataError("{}: expected images, found none", where);
    const bool flat = found_.size() == 1 && found_.contains("");
    if (!flat && !options.file_classes.empty())
      throw DataError(
          "{}: expected no class map of images, for its folders and archives are classes", where);
    if (flat && !options.file_classes.empty())
      label_by_file(options, where);
    else if (flat)
      throw DataError(
          "{}: expected a class for each image: a folder or an archive in it a class, a cls or "
          "json file beside each (shards), or a class map of lines 'IMAGE CLASS'",
          where);
    else
      label_by_name(options, where);
    const auto path = [&](const ArchivedImage& image) {
      return std::string_view(names_).substr(image.name_at + image.path_at,
                                             image.name_size - image.path_at);
    };
    std::ranges::stable_sort(images_, natural_less, path);
    images_.shrink_to_fit();
    names_.shrink_to_fit();
  }

  std::int64_t size() const override { return std::ssize(images_); }
  std::int64_t label(std::int64_t index) const override { return at(index).label; }
  std::string name(std::int64_t index) const override {
    const auto& image = at(index);
    return format("{}/{}", archives_[image.archive].string(), name_of(image));
  }
  Image load(std::int64_t index) const override {
    const auto& image = at(index);
    return load_tar_image(archives_[image.archive], image.offset, image.size, name(index),
                          channels_);
  }
  std::vector<fs::path> files() const override { return archives_; }
  std::int64_t bytes_in_memory() const override {
    return static_cast<std::int64_t>(images_.size() * sizeof(ArchivedImage) + names_.size());
  }
  std::uint64_t fingerprint(std::int64_t index) const override {
    const auto& image = at(index);
    const auto below = name_of(image);
    return Hash()
        .add(below.data(), below.size())
        .add(std::int64_t{image.label})
        .add(static_cast<std::int64_t>(image.size))
        .value();
  }

 private:
  const ArchivedImage& at(std::int64_t index) const {
    return images_.at(static_cast<std::size_t>(index));
  }

  std::string_view name_of(const ArchivedImage& image) const {
    return std::string_view(names_).substr(image.name_at, image.name_size);
  }

  void read_archive(std::uint32_t archive, const std::string& class_name) {
    for (const auto& member : io::read_tar(archives_[archive])) {
      if (is_tar_name(member.name))
        read_inner(archive, member);
      else if (is_image_name(member.name))
        add(archive, member, "", 0, class_name);
    }
  }

  void read_inner(std::uint32_t archive, const io::TarMember& inner) {
    const auto where = printable(format("{}/{}", archives_[archive].string(), inner.name));
    const auto before = images_.size();
    for (const auto& member : io::read_tar_members(inner.bytes, where)) {
      if (is_tar_name(member.name))
        throw DataError("{}: expected images, found an archive three levels deep: '{}'", where,
                        printable(member.name));
      if (is_image_name(member.name))
        add(archive, member, inner.name + "/", inner.offset, stem_of(inner.name));
    }
    if (images_.size() == before) throw DataError("{}: expected images, found none", where);
  }

  /// The folder's name goes before the archive's, `class_name`. Labels are first the order in which
  /// their names are found.
  void add(std::uint32_t archive, const io::TarMember& member, const std::string& below,
           std::uint64_t offset, const std::string& class_name) {
    auto folder = folder_of(member.name);
    if (folder.empty()) folder = class_name;
    const auto label =
        found_.emplace(std::move(folder), static_cast<std::int32_t>(found_.size())).first->second;
    images_.push_back({offset + member.offset, member.bytes.size(), names_.size(),
                       static_cast<std::uint32_t>(below.size() + member.name.size()),
                       static_cast<std::uint32_t>(below.size()), archive, label});
    names_ += below;
    names_ += member.name;
  }

  /// By found label the final one; images of −1 are left out.
  void take_labels(const std::vector<std::int32_t>& labels, const std::string& nothing) {
    const auto before = std::ssize(images_);
    for (auto& image : images_) image.label = labels[static_cast<std::size_t>(image.label)];
    std::erase_if(images_, [](const ArchivedImage& image) { return image.label < 0; });
    left_out_ = before - std::ssize(images_);
    if (images_.empty()) throw DataError("{}", nothing);
  }

  /// Images right in an archive beside named ones have no class, as those right in a folder of
  /// class folders.
  void label_by_name(const ArchiveOptions& options, const std::string& where) {
    classes_ = options.class_map;
    if (classes_.empty()) {
      for (const auto& [name, label] : found_)
        if (!name.empty()) classes_.push_back(name);
      std::ranges::sort(classes_, natural_less);
    }
    std::vector<std::int32_t> labels(found_.size(), -1);
    for (std::size_t i = 0; i < classes_.size(); ++i) {
      const auto found = classes_[i].empty() ? found_.end() : found_.find(classes_[i]);
      if (found != found_.end())
        labels[static_cast<std::size_t>(found->second)] = static_cast<std::int32_t>(i);
      // As of class folders: the number of an index that nobody has stands for its name.
      if (classes_[i].empty()) classes_[i] = std::to_string(i);
    }
    take_labels(labels, format("{}: the class map names none of its classes", where));
  }

  void label_by_file(const ArchiveOptions& options, const std::string& where) {
    const auto indices = class_indices(options, where);
    std::unordered_map<std::string_view, std::int32_t> labels;
    for (std::size_t i = 0; i < indices.size(); ++i)
      labels.emplace(options.file_classes[i].file, indices[i]);
    std::set<std::string_view> seen;
    const auto before = std::ssize(images_);
    std::erase_if(images_, [&](ArchivedImage& image) {
      const auto found = labels.find(last_of(name_of(image)));
      if (found == labels.end()) return true;
      seen.insert(found->first);
      image.label = found->second;
      return false;
    });
    left_out_ = before - std::ssize(images_);
    for (const auto& one : options.file_classes)
      if (!seen.contains(one.file))
        throw DataError("{}: expected the image '{}' of the class map, found none", where,
                        printable(one.file));
  }

  /// Of each of the file's classes the index: by name where all are names, else by number. Sets the
  /// classes.
  std::vector<std::int32_t> class_indices(const ArchiveOptions& options, const std::string& where) {
    const bool numbers = std::ranges::all_of(options.file_classes, [](const FileClass& one) {
      return class_number(one.class_name).has_value();
    });
    classes_ = options.classes;
    if (classes_.empty() && numbers) {
      std::int64_t largest = 0;
      for (const auto& one : options.file_classes)
        largest = std::max(largest, *class_number(one.class_name));
      for (std::int64_t i = 0; i <= largest; ++i) classes_.push_back(std::to_string(i));
      has_class_names_ = false;
    } else if (classes_.empty()) {
      std::set<std::string> names;
      for (const auto& one : options.file_classes) names.insert(one.class_name);
      classes_.assign(names.begin(), names.end());
      std::ranges::sort(classes_, natural_less);
    }
    std::map<std::string_view, std::int32_t> by_name;
    for (std::size_t i = 0; i < classes_.size(); ++i)
      by_name.emplace(classes_[i], static_cast<std::int32_t>(i));
    const bool named = std::ranges::all_of(options.file_classes, [&](const FileClass& one) {
      return by_name.contains(one.class_name);
    });
    std::vector<std::int32_t> indices;
    for (const auto& one : options.file_classes) {
      const auto number = numbers && !named ? *class_number(one.class_name) : -1;
      const auto found = by_name.find(one.class_name);
      if (number < 0 && found == by_name.end())
        throw DataError("{}: expected one of the {} classes for the image '{}', found '{}'", where,
                        classes_.size(), printable(one.file), printable(one.class_name));
      if (number >= std::ssize(classes_))
        throw DataError("{}: expected a class of 0 to {} for the image '{}', found {}", where,
                        classes_.size() - 1, printable(one.file), number);
      indices.push_back(number >= 0 ? static_cast<std::int32_t>(number) : found->second);
    }
    return indices;
  }

  std::vector<fs::path> archives_;
  std::int64_t channels_;
  std::string names_;  // of all images, one behind the other
  std::vector<ArchivedImage> images_;
  std::map<std::string, std::int32_t, std::less<>> found_;  // classes by name: their first labels
};

}  // namespace

bool is_image_archive(const fs::path& tar) {
  bool images = false;
  bool labels = false;
  for (const auto& member : io::read_tar(tar)) {
    if (is_tar_name(member.name)) return true;
    const auto suffix = suffix_of(member.name);
    labels = labels || suffix == "cls" || suffix == "json";
    images = images || is_image_name(member.name);
  }
  return images && !labels;
}

std::shared_ptr<const Dataset> open_image_archives(const std::vector<fs::path>& tars,
                                                   std::int64_t channels,
                                                   const ArchiveOptions& options) {
  if (channels != 1 && channels != 3)
    throw DataError("images have 1 or 3 channels, the model takes {}", channels);
  return std::make_shared<ImageArchives>(tars, channels, options);
}

}  // namespace vit::data
