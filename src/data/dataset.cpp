#include "vit/data/dataset.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "dataset_rules.h"
#include "file_dataset.h"
#include "hash.h"
#include "splits.h"
#include "vit/core/contains.h"
#include "vit/core/error.h"
#include "vit/core/text.h"
#include "vit/data/archive.h"
#include "vit/data/class_map.h"
#include "vit/data/folder_walk.h"
#include "vit/data/label_table.h"
#include "vit/data/shards.h"
#include "vit/io/idx.h"

namespace vit::data {
namespace fs = std::filesystem;
namespace {

/// Image files, with a label each.
class ClassFolderImages : public FileDataset {
 public:
  ClassFolderImages(fs::path root, std::vector<fs::path> files, std::vector<std::int64_t> labels,
                    std::vector<std::string> classes, std::int64_t channels, std::int64_t left_out)
      : FileDataset(std::move(root), std::move(files), channels), labels_(std::move(labels)) {
    classes_ = std::move(classes);
    left_out_ = left_out;
  }

  std::int64_t label(std::int64_t index) const override {
    return labels_.at(static_cast<std::size_t>(index));
  }

 private:
  std::vector<std::int64_t> labels_;
};

/// Grey images that are all in memory.
class IdxDataset : public Dataset {
 public:
  IdxDataset(std::vector<fs::path> files, io::IdxArray images, const io::IdxArray& labels,
             std::int64_t channels)
      : files_(std::move(files)),
        source_(files_.front().string()),
        images_(std::move(images)),
        channels_(channels) {
    labels_ = labels.data;
    has_class_names_ = false;
    const auto largest = *std::max_element(labels_.begin(), labels_.end());
    for (int i = 0; i <= largest; ++i) classes_.push_back(std::to_string(i));
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  std::vector<fs::path> files() const override { return files_; }
  std::int64_t label(std::int64_t index) const override {
    return labels_.at(static_cast<std::size_t>(index));
  }
  std::string name(std::int64_t index) const override {
    return source_ + "[" + std::to_string(index) + "]";
  }
  Image load(std::int64_t index) const override {
    if (index < 0 || index >= size()) throw DataError("{}: no image {}", source_, index);
    Image image(images_.shape[1], images_.shape[2], channels_);
    const auto pixels = image.height * image.width;
    const auto* from = images_.data.data() + index * pixels;
    for (std::int64_t i = 0; i < pixels; ++i)
      std::fill_n(image.pixels.begin() + i * channels_, channels_, from[i]);
    return image;
  }
  std::int64_t bytes_in_memory() const override { return std::ssize(images_.data); }
  std::uint64_t fingerprint(std::int64_t index) const override {
    const auto pixels = images_.shape[1] * images_.shape[2];
    return Hash()
        .add(label(index))
        .add(images_.data.data() + index * pixels, static_cast<std::size_t>(pixels))
        .value();
  }

 private:
  std::vector<fs::path> files_;  // images, labels
  std::string source_;
  io::IdxArray images_;
  std::vector<std::uint8_t> labels_;
  std::int64_t channels_;
};

/// A dataset's folder: its images in timm's order, and the folders that hold some.
struct ClassFolders {
  std::vector<std::string> images;
  std::vector<std::string> classes;
};

std::string label_of(const fs::path& image) { return image.parent_path().filename().string(); }

ClassFolders read_class_folders(const fs::path& folder) {
  const auto root = folder.has_filename() ? folder : folder.parent_path();  // `train/`
  std::error_code error;
  if (!fs::is_directory(root, error))
    throw IoError("{}: expected a folder of class folders, found {}", root.string(),
                  fs::exists(root, error) ? "a file" : "nothing");
  ClassFolders result;
  std::set<fs::path> folders;
  std::set<fs::path> of_images;
  FolderWalk walk(root,
                  {.entering = [&](const fs::path& one) { folders.insert(one); }, .hidden = false});
  while (const auto image = walk.next()) {
    if (image->parent_path() == root) continue;
    of_images.insert(image->parent_path());
    result.images.push_back(image->string());
  }
  for (const auto& one : folders) {
    // Sorted as paths are, what a folder holds comes right behind it.
    const auto next = folders.upper_bound(one);
    const bool holds_folders = next != folders.end() && next->parent_path() == one;
    if (one != root && !holds_folders && !of_images.contains(one))
      throw DataError("{}: expected images, found none", one.string());
  }
  if (of_images.empty()) throw DataError("{}: expected class folders, found none", root.string());
  for (const auto& one : of_images) result.classes.push_back(one.filename().string());
  std::sort(result.classes.begin(), result.classes.end(), natural_less);
  result.classes.erase(std::unique(result.classes.begin(), result.classes.end()),
                       result.classes.end());
  std::sort(result.images.begin(), result.images.end(), natural_less);
  return result;
}

/// `folder/name` or `folder/name.gz`, whichever is there.
std::optional<fs::path> idx_file(const fs::path& folder, const std::string& name) {
  std::error_code ignored;
  for (const auto* suffix : {"", ".gz"})
    if (fs::exists(folder / (name + suffix), ignored)) return folder / (name + suffix);
  return std::nullopt;
}

/// MNIST calls its second half `t10k`.
std::vector<std::string> idx_stems(const std::string& split) {
  auto names = spellings(split);
  if (contains(names, std::string("train"))) return {"train"};
  if (contains(names, std::string("val"))) return {"t10k", "test"};
  return names;
}

std::shared_ptr<const Dataset> open_idx_half(const fs::path& folder, const std::string& split,
                                             std::int64_t channels) {
  const auto stems = idx_stems(split);
  for (const auto& stem : stems) {
    const auto images = idx_file(folder, stem + "-images-idx3-ubyte");
    const auto labels = idx_file(folder, stem + "-labels-idx1-ubyte");
    if (images && labels) return open_idx(*images, *labels, channels);
    if (images || labels)
      throw DataError(
          "{}: expected {}-images-idx3-ubyte and {}-labels-idx1-ubyte (or .gz), found "
          "only one of them",
          folder.string(), stem, stem);
  }
  throw DataError("{}: expected {}-images-idx3-ubyte and {}-labels-idx1-ubyte (or .gz)",
                  folder.string(), stems[0], stems[0]);
}

fs::path train_folder(const fs::path& folder, const std::string& split) {
  if (auto found = find_split(folder, split)) return *found;
  throw DataError(
      "{}: expected {}/ and val/ with class folders, tar shards or a table's files, or MNIST-named "
      "IDX files",
      folder.string(), split);
}

fs::path validation_folder(const fs::path& folder, const std::string& split) {
  if (auto found = find_split(folder, split)) return *found;
  throw DataError("{}: expected a folder {} beside train/", folder.string(),
                  split == DataOptions().val_split ? "val/ or validation/" : split + "/");
}

std::shared_ptr<const Dataset> open_table_half(const fs::path& data, Split split,
                                               std::int64_t channels, const DataOptions& options) {
  check_image_channels(channels);
  std::error_code ignored;
  if (!fs::is_directory(data, ignored))
    throw IoError("{}: expected the folder that a table's files are in", data.string());
  const auto table = read_label_table(options.labels_csv);
  // Without a half to validate on, one to train on may be left out too; a name that was given may
  // not.
  const bool takes_all = split == Split::kTrain && options.holds_out &&
                         options.train_split == DataOptions().train_split &&
                         !find_split(data, options.train_split);
  if (takes_all) return open_labelled_images(data, "", table, channels);
  const auto half = split == Split::kTrain ? train_folder(data, options.train_split)
                                           : validation_folder(data, options.val_split);
  return open_labelled_images(data, half.lexically_relative(data), table, channels);
}

/// A map that is not there by itself is looked for in the half's folder, as timm does, and in the
/// dataset's.
fs::path class_map_file(const fs::path& data, const fs::path& half, const DataOptions& options) {
  std::error_code ignored;
  const auto& map = options.class_map;
  if (map.empty() || map.is_absolute() || fs::exists(map, ignored)) return map;
  for (const auto& folder : {half, data})
    if (fs::exists(folder / map, ignored)) return folder / map;
  return map;
}

std::vector<std::string> class_map_of(const fs::path& data, const fs::path& half,
                                      const DataOptions& options) {
  const auto file = class_map_file(data, half, options);
  return file.empty() ? std::vector<std::string>{} : read_class_map(file);
}

/// A relative map may be another file in each half: classes would change places unseen.
void compare_class_maps(const fs::path& data, const fs::path& train, const fs::path& validation,
                        const DataOptions& options, const std::vector<std::string>& map) {
  const auto expected = class_map_of(data, train, options);
  const auto [a, b] = std::ranges::mismatch(expected, map);
  if (a == expected.end() && b == map.end()) return;
  const auto name = [](const auto& at, const auto& names) {
    return at == names.end() ? std::string("nothing") : *at;
  };
  throw DataError(
      "{}: class_map {}: expected the classes of {}, the first difference: {}, found {}",
      validation.string(), options.class_map.string(), train.string(), name(a, expected),
      name(b, map));
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < 3; ++i) text += (i ? ", " : "") + names[i];
  return names.size() > 3 ? text + ", …" : text;
}

void compare_classes(const fs::path& train, const std::vector<std::string>& train_names,
                     const fs::path& validation, const std::vector<std::string>& names) {
  std::vector<std::string> missing;
  std::vector<std::string> extra;
  for (const auto& name : train_names)
    if (!contains(names, name)) missing.push_back(name);
  for (const auto& name : names)
    if (!contains(train_names, name)) extra.push_back(name);
  if (!missing.empty() || !extra.empty())
    throw DataError("{}: expected the {} classes of {}, missing: {}; unknown: {}",
                    validation.string(), train_names.size(), train.string(),
                    missing.empty() ? "none" : list(missing), extra.empty() ? "none" : list(extra));
}

/// One file or a folder of them may be archives of images; a pattern names shards.
bool names_archives(const fs::path& tars, const std::vector<fs::path>& files) {
  std::error_code none;
  const bool one = files.size() == 1 || (!files.empty() && fs::is_directory(tars, none));
  return one && is_image_archive(files.front());
}

/// How the archives of a half are labelled.
ArchiveOptions archive_options(const fs::path& data, const fs::path& tars,
                               const DataOptions& options) {
  ArchiveOptions how;
  std::error_code none;
  how.named_by_file = fs::is_directory(tars, none);
  const auto folder = how.named_by_file ? tars : tars.parent_path();
  const auto map = class_map_file(data, folder, options);
  if (map.empty()) return how;
  if (auto classes = read_file_classes(map))
    how.file_classes = std::move(*classes);
  else
    how.class_map = read_class_map(map);
  return how;
}

/// Whether a map of images is of these, too.
bool names_images(const FileClasses& map, const Dataset& images) {
  const auto first = fs::path(images.name(0)).filename().string();
  return std::ranges::any_of(map, [&](const FileClass& one) { return one.file == first; });
}

/// The half to train on, or one that stands alone.
std::shared_ptr<const Dataset> open_tars(const fs::path& data, const fs::path& tars,
                                         std::int64_t channels, const DataOptions& options,
                                         bool has_other_half) {
  const auto files = expand_shards(tars);
  if (!names_archives(tars, files)) {
    if (!options.class_map.empty())
      throw UsageError("class_map: expected class folders in {}, found tar shards", data.string());
    return open_shards(files, channels);
  }
  auto how = archive_options(data, tars, options);
  how.shared_classes = has_other_half;
  return open_image_archives(files, channels, how);
}

std::shared_ptr<const Dataset> open_validation_tars(const fs::path& data, const fs::path& train,
                                                    const fs::path& tars, std::int64_t channels,
                                                    const DataOptions& options) {
  const auto files = expand_shards(tars);
  if (!names_archives(tars, files)) return open_tars(data, tars, channels, options, true);
  const auto trained =
      options.train ? options.train : open_tars(data, train, channels, options, true);
  auto how = archive_options(data, tars, options);
  how.classes = trained->classes();
  how.shared_classes = names_images(how.file_classes, *trained);
  auto dataset = open_image_archives(files, channels, how);
  if (!how.class_map.empty())
    compare_class_maps(data, train, tars, options, how.class_map);
  else
    compare_classes(train, trained->classes(), tars, dataset->classes());
  return dataset;
}

}  // namespace

std::vector<std::int64_t> Dataset::labels(std::int64_t index) const {
  const auto one = label(index);
  return one < 0 ? std::vector<std::int64_t>{} : std::vector{one};
}

std::uint64_t Dataset::fingerprint(std::int64_t index) const {
  const auto text = name(index);
  return Hash().add(text.data(), text.size()).add(label(index)).value();
}

std::string describe_left_out(const Dataset& data, const fs::path& class_map) {
  const bool one = data.left_out() == 1;
  const auto why = class_map.empty() ? format("{} in no class folder", one ? "it is" : "they are")
                                     : format("{} has no class for {}",
                                              printable(class_map.string()), one ? "it" : "them");
  return format("{} image{} left out: {}", data.left_out(), one ? "" : "s", why);
}

bool natural_less(std::string_view a, std::string_view b) {
  // timm's `natural_key`: lower case, split into text and whole numbers; the text may be empty.
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0;
  std::size_t j = 0;
  const auto take_number = [&](std::string_view text, std::size_t& at) {
    const auto begin = at;
    while (at < text.size() && digit(text[at])) ++at;
    return text.substr(begin, at - begin);
  };
  while (i < a.size() || j < b.size()) {
    while (true) {
      const bool in_a = i < a.size() && !digit(a[i]);
      const bool in_b = j < b.size() && !digit(b[j]);
      if (in_a != in_b) return in_b;
      if (!in_a) break;
      const auto x = static_cast<unsigned char>(lower(a[i++]));
      const auto y = static_cast<unsigned char>(lower(b[j++]));
      if (x != y) return x < y;
    }
    auto m = take_number(a, i);
    auto n = take_number(b, j);
    if (m.empty() != n.empty()) return m.empty();
    m.remove_prefix(std::min(m.find_first_not_of('0'), m.size()));
    n.remove_prefix(std::min(n.find_first_not_of('0'), n.size()));
    if (m.size() != n.size()) return m.size() < n.size();
    if (m != n) return m < n;
  }
  const auto same = [](char x, char y) { return lower(x) == lower(y); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same) && a < b;
}

std::shared_ptr<const Dataset> open_class_folders(const fs::path& folder, std::int64_t channels,
                                                  const std::vector<std::string>& class_map) {
  check_image_channels(channels);
  const auto folders = read_class_folders(folder);
  auto classes = class_map.empty() ? folders.classes : class_map;
  const auto index = index_classes(classes);
  std::vector<fs::path> files;
  std::vector<std::int64_t> labels;
  for (const auto& image : folders.images) {
    const auto found = index.find(label_of(image));
    if (found == index.end()) continue;
    files.emplace_back(image);
    labels.push_back(found->second);
  }
  if (files.empty())
    throw DataError("{}: of its {} class folders the class map names none", folder.string(),
                    folders.classes.size());
  const auto left_out = std::ssize(folders.images) - std::ssize(files);
  return std::make_shared<ClassFolderImages>(folder, std::move(files), std::move(labels),
                                             std::move(classes), channels, left_out);
}

std::shared_ptr<const Dataset> open_idx(const fs::path& images, const fs::path& labels,
                                        std::int64_t channels) {
  check_image_channels(channels);
  auto pixels = io::read_idx(images);
  const auto numbers = io::read_idx(labels);
  if (pixels.shape.size() != 3)
    throw DataError("{}: expected images [N, H, W], found {}", images.string(), pixels.shape);
  if (numbers.shape.size() != 1)
    throw DataError("{}: expected labels [N], found {}", labels.string(), numbers.shape);
  if (pixels.shape[0] != numbers.shape[0])
    throw DataError("{}: expected {} labels, as many as there are images, found {}",
                    labels.string(), pixels.shape[0], numbers.shape[0]);
  if (pixels.data.empty()) throw DataError("{}: expected images, found none", images.string());
  return std::make_shared<IdxDataset>(std::vector{images, labels}, std::move(pixels), numbers,
                                      channels);
}

bool has_idx_files(const fs::path& folder) {
  for (const auto* stem : {"train", "t10k", "test"})
    if (idx_file(folder, std::string(stem) + "-images-idx3-ubyte") ||
        idx_file(folder, std::string(stem) + "-labels-idx1-ubyte"))
      return true;
  return false;
}

std::shared_ptr<const Dataset> open_data(const fs::path& data, Split split, std::int64_t channels,
                                         const DataOptions& options) {
  const auto only_folders = [&](const char* found) {
    if (!options.class_map.empty())
      throw UsageError("class_map: expected class folders in {}, found {}", data.string(), found);
  };
  std::error_code ignored;
  if (!options.labels_csv.empty()) {
    only_folders("a table of labels");
    return open_table_half(data, split, channels, options);
  }
  const bool trains = split == Split::kTrain;
  if (const auto halves = find_archive_halves(data, options))
    return trains
               ? open_tars(data, halves->train, channels, options, !options.holds_out)
               : open_validation_tars(data, halves->train, halves->validation, channels, options);
  if (names_shards(data, options)) {
    if (trains) return open_tars(data, data, channels, options, /*has_other_half=*/false);
    throw UsageError("{}: expected a half to train on and one to validate on, found tar files",
                     data.string());
  }
  if (!fs::is_directory(data, ignored))
    throw IoError("{}: expected a data folder, or tar shards", data.string());
  if (has_idx_files(data)) {
    only_folders("IDX files");
    return open_idx_half(data, trains ? options.train_split : options.val_split, channels);
  }
  const auto train = train_folder(data, options.train_split);
  const bool shards = holds_shards(train);
  const auto half = trains ? train : validation_folder(data, options.val_split);
  if (holds_shards(half) != shards)
    throw DataError("{}: expected {}, as {} holds, found {}", half.string(),
                    shards ? "tar shards" : "class folders", train.string(),
                    shards ? "class folders" : "tar shards");
  if (shards)
    return trains ? open_tars(data, half, channels, options, !options.holds_out)
                  : open_validation_tars(data, train, half, channels, options);
  const auto class_map = class_map_of(data, half, options);
  auto dataset = open_class_folders(half, channels, class_map);
  if (!trains && !class_map.empty()) compare_class_maps(data, train, half, options, class_map);
  if (!trains && class_map.empty())
    compare_classes(train, read_class_folders(train).classes, half, dataset->classes());
  return dataset;
}

std::shared_ptr<const Dataset> open_validation(const fs::path& data, std::int64_t channels,
                                               const fs::path& class_map) {
  DataOptions options;
  options.class_map = class_map;
  if (const auto halves = find_archive_halves(data))
    return open_tars(data, halves->validation, channels, options, /*has_other_half=*/false);
  if (names_shards(data)) return open_tars(data, data, channels, options, false);
  if (!class_map.empty())
    throw UsageError("class_map: expected an archive of images, whose classes {} says, found {}",
                     class_map.string(), data.string());
  if (has_idx_files(data)) return open_idx_half(data, DataOptions().val_split, channels);
  return open_class_folders(data, channels);
}

}  // namespace vit::data
