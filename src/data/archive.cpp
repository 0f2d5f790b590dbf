#include "vit/data/archive.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "dataset_rules.h"
#include "hash.h"
#include "splits.h"
#include "tar_image.h"
#include "vit/core/contains.h"
#include "vit/core/error.h"
#include "vit/core/paths.h"
#include "vit/core/text.h"
#include "vit/io/tar.h"

namespace vit::data {
namespace fs = std::filesystem;
namespace {

/// The part of a name that begins behind the last slash.
std::string_view last_of(std::string_view name) { return name.substr(name.rfind('/') + 1); }

bool is_tar_name(std::string_view name) { return lower_extension(name) == ".tar"; }

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
  const auto number = parse_class_number(text);
  return number && *number >= 0 && *number < kMostClasses ? number : std::nullopt;
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
    for (std::uint32_t i = 0; i < archives_.size(); ++i) read_archive(i);
    const auto where = archives_.empty() ? "archives" : printable(archives_.front().string());
    if (images_.empty()) throw DataError("{}: expected images, found none", where);
    const bool by_file = !options.file_classes.empty() &&
                         (!options.shared_classes || (is_flat() && names_images(options)));
    if (by_file && !is_flat())
      throw DataError(
          "{}: expected no class map of images, for its folders and archives are classes", where);
    if (!by_file && options.named_by_file) name_by_file();
    if (by_file)
      label_by_file(options, where);
    else if (found_.size() == 1 && found_.contains(""))
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

  void read_archive(std::uint32_t archive) {
    for (const auto& member : io::read_tar(archives_[archive])) {
      if (is_hidden(member.name)) continue;
      if (is_tar_name(member.name))
        read_inner(archive, member);
      else if (is_image_name(member.name))
        add(archive, member, "", 0, "");
    }
  }

  void read_inner(std::uint32_t archive, const io::TarMember& inner) {
    const auto where = printable(format("{}/{}", archives_[archive].string(), inner.name));
    const auto before = images_.size();
    has_inner_ = true;
    for (const auto& member : io::read_tar_members(inner.bytes, where)) {
      if (is_hidden(member.name)) continue;
      if (is_tar_name(member.name))
        throw DataError("{}: expected images, found an archive three levels deep: '{}'", where,
                        printable(member.name));
      if (is_image_name(member.name))
        add(archive, member, inner.name + "/", inner.offset, stem_of(inner.name));
    }
    if (images_.size() == before) throw DataError("{}: expected images, found none", where);
  }

  /// The folder's name goes before the inner archive's, `class_name`. Labels are first the order in
  /// which their names are found.
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

  /// Whether no more than the one folder that it was packed with may be a class.
  bool is_flat() const {
    return !has_inner_ && std::ssize(found_) - (found_.contains("") ? 1 : 0) <= 1;
  }

  /// Whether the map of images is of some of these.
  bool names_images(const ArchiveOptions& options) const {
    std::set<std::string_view> names;
    for (const auto& one : options.file_classes) names.insert(one.file);
    return std::ranges::any_of(images_, [&](const ArchivedImage& image) {
      return names.contains(last_of(name_of(image)));
    });
  }

  /// Several archives that hold images alone are a class each, by their files' names.
  void name_by_file() {
    const auto unnamed = found_.find("");
    std::vector<bool> flat(archives_.size()), named(archives_.size());
    for (const auto& image : images_)
      (unnamed != found_.end() && image.label == unnamed->second ? flat : named)[image.archive] =
          true;
    for (std::size_t i = 0; i < archives_.size(); ++i) flat[i] = flat[i] && !named[i];
    if (std::ssize(archives_) < 2 || !contains(flat, true)) return;
    if (const auto other = std::ranges::find(named, true); other != named.end())
      throw DataError(
          "{}: expected folders or archives in it that are classes, as {} has, found images alone",
          printable(archive_at(std::ranges::find(flat, true) - flat.begin()).string()),
          printable(archive_at(other - named.begin()).string()));
    if (std::ranges::count(flat, true) < 2) return;
    found_.clear();
    for (auto& image : images_)
      image.label = found_
                        .try_emplace(stem_of(archives_[image.archive].string()),
                                     static_cast<std::int32_t>(found_.size()))
                        .first->second;
  }

  const fs::path& archive_at(std::ptrdiff_t index) const {
    return archives_[static_cast<std::size_t>(index)];
  }

  /// Leaves out images of the label −1. `nothing`: what is wrong where all are.
  void leave_out_unlabelled(const std::string& nothing) {
    const auto before = std::ssize(images_);
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
    const auto index = index_classes(classes_);
    std::vector<std::int32_t> labels(found_.size(), -1);
    for (const auto& [name, label] : found_)
      if (const auto known = index.find(name); known != index.end())
        labels[static_cast<std::size_t>(label)] = static_cast<std::int32_t>(known->second);
    for (auto& image : images_) image.label = labels[static_cast<std::size_t>(image.label)];
    leave_out_unlabelled(format("{}: the class map names none of its classes", where));
  }

  void label_by_file(const ArchiveOptions& options, const std::string& where) {
    const auto indices = class_indices(options, where);
    std::unordered_map<std::string_view, std::int32_t> labels;
    for (std::size_t i = 0; i < indices.size(); ++i)
      labels.emplace(options.file_classes[i].file, indices[i]);
    std::set<std::string_view> seen;
    for (auto& image : images_) {
      const auto known = labels.find(last_of(name_of(image)));
      image.label = known == labels.end() ? -1 : known->second;
      if (known != labels.end()) seen.insert(known->first);
    }
    leave_out_unlabelled(format("{}: the class map names none of its images", where));
    for (const auto& one : options.file_classes)
      if (!options.shared_classes && !seen.contains(one.file))
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
  bool has_inner_ = false;  // archives in archives
  std::string names_;       // of all images, one behind the other
  std::vector<ArchivedImage> images_;
  std::map<std::string, std::int32_t, std::less<>> found_;  // classes by name: their first labels
};

/// `train.tar` by any of the names of its half. `imagenet` is ImageNet's own name of its `half`.
std::optional<fs::path> find_archive(const fs::path& folder, const std::string& split,
                                     const std::string& half, const char* imagenet) {
  std::error_code none;
  const auto names = spellings(split);
  for (const auto& name : names)
    if (const auto file = folder / (name + ".tar"); fs::is_regular_file(file, none)) return file;
  if (contains(names, half) && fs::is_regular_file(folder / imagenet, none))
    return folder / imagenet;
  return std::nullopt;
}

}  // namespace

bool is_image_archive(const fs::path& tar) {
  bool images = false;
  bool labels = false;
  for (const auto& member : io::read_tar(tar)) {
    if (is_hidden(member.name)) continue;
    if (is_tar_name(member.name)) return true;
    const auto suffix = lower_extension(member.name);
    labels = labels || suffix == ".cls" || suffix == ".json";
    images = images || is_image_name(member.name);
  }
  return images && !labels;
}

std::shared_ptr<const Dataset> open_image_archives(const std::vector<fs::path>& tars,
                                                   std::int64_t channels,
                                                   const ArchiveOptions& options) {
  check_image_channels(channels);
  return std::make_shared<ImageArchives>(tars, channels, options);
}

std::optional<ArchiveHalves> find_archive_halves(const fs::path& folder,
                                                 const DataOptions& options) {
  if (find_split(folder, options.train_split) || find_split(folder, options.val_split))
    return std::nullopt;
  auto train = find_archive(folder, options.train_split, "train", "ILSVRC2012_img_train.tar");
  auto validation = find_archive(folder, options.val_split, "val", "ILSVRC2012_img_val.tar");
  if (!train || !validation) return std::nullopt;
  return ArchiveHalves{std::move(*train), std::move(*validation)};
}

}  // namespace vit::data
