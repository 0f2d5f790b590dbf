// Which class has which index, or each image, as a text file says it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vit::data {

/// The class map that timm's readers take as `.txt` (`timm/data/readers/class_map.py`): one class
/// folder a line, the first of index 0; white space around a name is no part of it, and an empty
/// line is an index that no folder has. Throws IoError; DataError for a name that stands there
/// twice, for no names, and for a pickle (`.pkl`), which only Python may read.
std::vector<std::string> read_class_map(const std::filesystem::path& file);

/// An image and the name or the number of its class.
struct FileClass {
  std::string file, class_name;
};
using FileClasses = std::vector<FileClass>;

/// A map whose lines are `IMAGE CLASS`, as ImageNet's `val.txt` (`ILSVRC2012_val_00000001.JPEG
/// 65`); between them stand blanks, a tab or a comma. None where the first line is not of that
/// form: a map of class folders. Throws as read_class_map, and DataError for a line of another form
/// and an image that stands there twice.
std::optional<FileClasses> read_file_classes(const std::filesystem::path& file);

}  // namespace vit::data
