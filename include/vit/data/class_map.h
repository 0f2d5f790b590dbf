// Which class has which index, as a text file says it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace vit::data {

/// The class map that timm's readers take as `.txt` (`timm/data/readers/class_map.py`): one class
/// folder a line, the first of index 0; white space around a name is no part of it, and an empty
/// line is an index that no folder has. Throws IoError; DataError for a name that stands there
/// twice, for no names, and for a pickle (`.pkl`), which only Python may read.
std::vector<std::string> read_class_map(const std::filesystem::path& file);

}  // namespace vit::data
