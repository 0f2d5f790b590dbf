// Which of a model's classes each class of a dataset is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vit/config/model_config.h"
#include "vit/core/log.h"

namespace vit::infer {

struct ClassMappingOptions {
  /// The dataset's classes are numbers (IDX): each is the model's class of that index.
  bool by_index = false;
  /// The dataset's classes in their order are the model's, whatever their names.
  bool by_order = false;
  /// The names to go by in place of the model's labels, by the model's index; an empty one is no
  /// class folder.
  std::vector<std::string> class_map;
};

struct ClassMapping {
  std::vector<std::int64_t> classes;  ///< the model's class of each class of the dataset
  std::vector<std::string> labels;    ///< of the model's classes, for reports; empty: none known
  std::string how;                    ///< "by the model's labels", …
};

/// A class is met by the label, or the name of the class map, that is the same bytes. Where none
/// is, `\xHH` stands for a byte on either side: the folder `T-shirt\x2ftop` is the label
/// `T-shirt/top`, and the label `caf\xe9` the folder whose name ends with the byte E9. A model
/// without labels is met by number where every name is the number of a class, else by order, which
/// `log` hears. Throws DataError naming the classes that are not the model's, with the nearest
/// labels, and UsageError where the model has no classes.
ClassMapping map_classes(const std::vector<std::string>& classes, const ModelConfig& config,
                         const ClassMappingOptions& options = {}, Log* log = nullptr);

}  // namespace vit::infer
