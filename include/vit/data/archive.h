// Archives of images as ImageNet has them: a tar that holds a tar of images a class, or a flat one
// whose images' classes a file tells. Images are read where they lie.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vit/data/class_map.h"
#include "vit/data/dataset.h"

namespace vit::data {

struct ArchiveOptions {
  bool named_by_file = false;  ///< several archives of images alone: each is a class of its name
  std::vector<std::string> class_map{};  ///< see open_class_folders
  FileClasses file_classes{};   ///< for images in no inner archive, and in one folder at most
  bool shared_classes = false;  ///< `file_classes` may be of other archives' images too or instead
  std::vector<std::string> classes{};  ///< that those name or number; empty: all that they name
};

/// Whether a tar is an archive of images and no shard (shards.h): it holds tars, or images and no
/// `cls` or `json` file. Throws IoError, DataError as io::read_tar.
bool is_image_archive(const std::filesystem::path& tar);

/// The images of `tars`, each labelled by the folder that holds it, or else by the archive within
/// the archive, classes and images in the order of timm's reader
/// (`timm/data/readers/reader_image_in_tar.py`); members whose names begin with a dot are none. One
/// pass over the headers finds them, so that any image is read alone. Throws IoError; DataError
/// where an archive is damaged, an inner one has no images or an archive in it, images have no
/// class, `file_classes` names an image that is not there (unless `shared_classes`) or a class that
/// is none of `classes`, or with `named_by_file` some archives hold images alone and others
/// classes.
std::shared_ptr<const Dataset> open_image_archives(const std::vector<std::filesystem::path>& tars,
                                                   std::int64_t channels,
                                                   const ArchiveOptions& options = {});

/// Two archives in one folder, a half each.
struct ArchiveHalves {
  std::filesystem::path train, validation;
};

/// `train.tar` and `val.tar` in `folder`, by any of the synonyms of the halves' names (see
/// DataOptions), or ImageNet's own `ILSVRC2012_img_train.tar` and `ILSVRC2012_img_val.tar`. None
/// where one is missing or a half has a folder.
std::optional<ArchiveHalves> find_archive_halves(const std::filesystem::path& folder,
                                                 const DataOptions& options = {});

}  // namespace vit::data
