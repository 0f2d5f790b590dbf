// Images with labels: class folders and MNIST's IDX files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vit/data/image.h"

namespace vit::data {

/// A fixed list of images. Everything const: safe to use from several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual std::int64_t size() const = 0;
  /// Class names by index, in the bytes that folders have; empty where the images have no labels.
  const std::vector<std::string>& classes() const { return classes_; }
  /// Whether `classes` are names that somebody gave; false: numbers that stand in for them (IDX).
  bool has_class_names() const { return has_class_names_; }
  /// Whether an image has any number of classes, as `labels` says, and not one.
  bool is_multi_label() const { return is_multi_label_; }
  /// The class of image `index`; −1 where there are no labels, or any number of them.
  virtual std::int64_t label(std::int64_t index) const = 0;
  /// All classes of image `index`, in ascending order.
  virtual std::vector<std::int64_t> labels(std::int64_t index) const;
  /// The file (or `file[index]`) that image `index` comes from.
  virtual std::string name(std::int64_t index) const = 0;
  /// Decodes image `index`. Throws IoError, DataError naming the file.
  virtual Image load(std::int64_t index) const = 0;
  /// The files that the images come from; an output may be none of them.
  virtual std::vector<std::filesystem::path> files() const { return {}; }
  /// Where neighbours are cheapest read one after the other: how many images each shard holds, in
  /// the order of their indices. Empty: any order is as good.
  virtual std::vector<std::int64_t> shard_sizes() const { return {}; }
  /// What of the images is in memory all the time.
  virtual std::int64_t bytes_in_memory() const { return 0; }
  /// Images that were found but are none of the classes asked for.
  std::int64_t left_out() const { return left_out_; }
  /// Tells whether image `index` is still what it was, wherever the dataset stands now: a hash of
  /// its label and of its path below the dataset's folder and its size in bytes, or of its pixels
  /// where they are in memory anyway. Nothing is decoded.
  virtual std::uint64_t fingerprint(std::int64_t index) const;

 protected:
  std::vector<std::string> classes_;
  bool has_class_names_ = true;
  bool is_multi_label_ = false;
  std::int64_t left_out_ = 0;
};

/// Why `left_out` images of a dataset are: "3 images left out: …". `class_map`: that it was opened
/// with, or empty.
std::string describe_left_out(const Dataset& data, const std::filesystem::path& class_map);

enum class Split { kTrain, kValidation };

/// The images below `folder`, each labelled by the folder that holds it, classes and files in the
/// order of timm's reader (natural sort, `timm/data/readers/reader_image_folder.py`). Images are
/// recognised by suffix (jpg, jpeg, png, webp, bmp, tif, tiff); those right in `folder` have no
/// class and are left out. Throws IoError where there is no such folder, DataError where it has no
/// class folders or a class folder has no images.
/// `class_map` (see read_class_map): which folder is which class instead; images of folders that
/// are not in it are left out, as timm does. DataError where none is left.
std::shared_ptr<const Dataset> open_class_folders(const std::filesystem::path& folder,
                                                  std::int64_t channels,
                                                  const std::vector<std::string>& class_map = {});

/// IDX images `[N, H, W]` and labels `[N]`; classes are `0` … the largest label. Throws IoError,
/// DataError (another magic, counts that differ, cut short).
std::shared_ptr<const Dataset> open_idx(const std::filesystem::path& images,
                                        const std::filesystem::path& labels, std::int64_t channels);

/// How a dataset is laid out.
struct DataOptions {
  /// Folders of the halves, or archives (archive.h). A name of timm's synonyms (train, training;
  /// val, valid, validation, eval, evaluation) is met by any of them where the folder itself is not
  /// there.
  std::string train_split = "train";
  std::string val_split = "validation";
  std::filesystem::path class_map{};  ///< of class folders; empty: in natural order
  /// A table of images and their classes (read_label_table) instead of class folders. Its files
  /// below a half's folder are that half.
  std::filesystem::path labels_csv{};
  /// The images to validate on are drawn from those to train on: all files of a table may be, where
  /// there is no folder `train`.
  bool holds_out = false;
  /// The half to train on, where it is open already: whose classes the other half has.
  std::shared_ptr<const Dataset> train{};
};

/// One half of a dataset: class folders, or tar shards, under `train/` and `val/` or `validation/`;
/// the four MNIST-named IDX files (`train-images-idx3-ubyte`, … `t10k-labels-idx1-ubyte`), plain or
/// `.gz`; shards named by a pattern (`train-{0000..0099}.tar`), which are all for training; or
/// archives of images (archive.h), one a half (`ILSVRC2012_img_train.tar`, `…_val.tar`), one alone
/// or, in a half's folder, one a class. Opening the validation half of class folders or archives
/// also compares its classes, or its class map, with the other half's.
/// Throws UsageError where a pattern is to validate, IoError, DataError in one line that says what
/// was looked for, or that one half is folders and the other shards.
std::shared_ptr<const Dataset> open_data(const std::filesystem::path& data, Split split,
                                         std::int64_t channels, const DataOptions& options = {});

/// The folder in `folder` that is its half `split`, by that name or the first of its synonyms (see
/// DataOptions) that is there.
std::optional<std::filesystem::path> find_split(const std::filesystem::path& folder,
                                                const std::string& split);

/// Whether `folder` holds MNIST-named IDX files.
bool has_idx_files(const std::filesystem::path& folder);

/// Images to validate on: class folders or tar shards right under `data`, the `t10k`/test pair of
/// IDX files, shards named by a pattern, or an archive of images (archive.h) with the `class_map`
/// of its images, if it has one.
std::shared_ptr<const Dataset> open_validation(const std::filesystem::path& data,
                                               std::int64_t channels,
                                               const std::filesystem::path& class_map = {});

/// `a10` after `a9`: timm's `natural_key` as a less-than.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace vit::data
