#include "vit/infer/class_mapping.h"

#include <charconv>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "vit/core/error.h"
#include "vit/core/nearest.h"
#include "vit/core/text.h"

namespace vit::infer {
namespace {

constexpr std::size_t kNamesShown = 3;

/// Names by the model's index, found by the bytes that they are or stand for.
class NameTable {
 public:
  explicit NameTable(const std::vector<std::string>& names) : names_(names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i].empty()) continue;
      exact_[names[i]].push_back(static_cast<std::int64_t>(i));
      meant_[from_printable(names[i])].push_back(static_cast<std::int64_t>(i));
    }
  }

  /// None where no name is meant. Throws DataError where several are.
  std::optional<std::int64_t> find(const std::string& folder) const {
    const auto* found = look(exact_, folder);
    if (found == nullptr) found = look(meant_, folder);
    if (found == nullptr) found = look(meant_, from_printable(folder));
    if (found == nullptr) return std::nullopt;
    if (found->size() > 1)
      throw DataError("class '{}': expected one class of that label, found {} and {}",
                      printable(folder), (*found)[0], (*found)[1]);
    return found->front();
  }

  /// `'Bags' (nearest: 'Bag')`
  std::string with_nearest(const std::string& folder) const {
    const auto near = nearest(folder, names_);
    const auto shown = printable(folder);
    if (near.empty()) return format("'{}'", shown);
    const bool slash = near.find('/') != std::string::npos;
    return format("'{}' (nearest: '{}'{})", shown, printable(near),
                  slash ? format(", as a folder '{}'", folder_name(near)) : "");
  }

  /// `'tench', 'goldfish', …`
  std::string first_names() const {
    std::string text;
    for (std::size_t i = 0; i < names_.size() && i < kNamesShown; ++i)
      text += format("{}'{}'", i > 0 ? ", " : "", printable(names_[i]));
    return names_.size() > kNamesShown ? text + ", …" : text;
  }

 private:
  using Table = std::unordered_map<std::string, std::vector<std::int64_t>>;

  static const std::vector<std::int64_t>* look(const Table& table, const std::string& name) {
    const auto it = table.find(name);
    return it == table.end() ? nullptr : &it->second;
  }

  /// The label as a file system can have it.
  static std::string folder_name(const std::string& label) {
    std::string name;
    for (const char c : label)
      if (c == '/')
        name += "\\x2f";
      else
        name += c;
    return name;
  }

  const std::vector<std::string>& names_;
  Table exact_, meant_;
};

[[noreturn]] void refuse_classes(const std::vector<std::string>& missing, std::size_t count,
                                 const NameTable& table, bool class_map) {
  std::string text;
  for (std::size_t i = 0; i < missing.size() && i < kNamesShown; ++i)
    text += (i > 0 ? ", " : "") + table.with_nearest(missing[i]);
  if (missing.size() > kNamesShown) text += ", …";
  const bool one = missing.size() == 1;
  throw DataError("{} {}: expected {} ({}), {} of {} {} none", one ? "class" : "classes", text,
                  class_map ? "names of the class map" : "labels of the model", table.first_names(),
                  missing.size(), count, one ? "has" : "have");
}

std::vector<std::int64_t> map_by_name(const std::vector<std::string>& classes,
                                      const std::vector<std::string>& names, bool class_map) {
  const NameTable table(names);
  std::vector<std::int64_t> found;
  std::vector<std::string> missing;
  for (const auto& name : classes)
    if (const auto index = table.find(name))
      found.push_back(*index);
    else
      missing.push_back(name);
  if (!missing.empty()) refuse_classes(missing, classes.size(), table, class_map);
  return found;
}

std::vector<std::int64_t> first_classes(std::size_t count) {
  std::vector<std::int64_t> classes(count);
  std::iota(classes.begin(), classes.end(), 0);
  return classes;
}

/// The classes that the names number: `0`, `7`, … below `num_classes`. None where one is no such
/// number.
std::optional<std::vector<std::int64_t>> map_by_number(const std::vector<std::string>& classes,
                                                       std::int64_t num_classes) {
  std::vector<std::int64_t> numbers;
  for (const auto& name : classes) {
    std::int64_t number = -1;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number < 0 || number >= num_classes || name != std::to_string(number)) return std::nullopt;
    numbers.push_back(number);
  }
  return numbers;
}

std::vector<std::string> names_of(const ClassMapping& mapping,
                                  const std::vector<std::string>& classes,
                                  std::int64_t num_classes) {
  std::vector<std::string> labels;
  for (std::int64_t i = 0; i < num_classes; ++i) labels.push_back(std::to_string(i));
  for (std::size_t i = 0; i < classes.size(); ++i)
    labels[static_cast<std::size_t>(mapping.classes[i])] = printable(classes[i]);
  return labels;
}

void map_by_index(ClassMapping& mapping, std::size_t count, std::int64_t num_classes) {
  if (static_cast<std::int64_t>(count) > num_classes)
    throw DataError("labels: expected classes from 0 to {}, found {}", num_classes - 1, count - 1);
  mapping.classes = first_classes(count);
  mapping.how = "by their index";
}

void map_by_order(ClassMapping& mapping, const std::vector<std::string>& classes,
                  std::int64_t num_classes, const char* reason) {
  if (static_cast<std::int64_t>(classes.size()) != num_classes)
    throw DataError("class '{}': {}: expected as many classes as the model's {}, found {}",
                    printable(classes.front()), reason, num_classes, classes.size());
  mapping.classes = first_classes(classes.size());
  mapping.how = "by their order";
}

}  // namespace

ClassMapping map_classes(const std::vector<std::string>& classes, const ModelConfig& config,
                         const ClassMappingOptions& options, Log* log) {
  const auto num_classes = config.model.num_classes();
  if (num_classes == 0)
    throw UsageError("the model has no head (num_classes 0), so no classes to validate");
  if (config.model.global_pool().empty())
    throw UsageError("the model does not pool its tokens (global_pool ''), so it names no classes");
  if (static_cast<std::int64_t>(options.class_map.size()) > num_classes)
    throw DataError("class map: expected at most the model's {} classes, found {}", num_classes,
                    options.class_map.size());
  ClassMapping mapping;
  mapping.labels = config.labels;
  if (options.by_index) {
    map_by_index(mapping, classes.size(), num_classes);
    return mapping;
  }
  if (options.by_order) {
    map_by_order(mapping, classes, num_classes, "to go by their order");
  } else if (!options.class_map.empty()) {
    mapping.classes = map_by_name(classes, options.class_map, true);
    mapping.how = "by the class map";
  } else if (!config.labels.empty()) {
    mapping.classes = map_by_name(classes, config.labels, false);
    mapping.how = "by the model's labels";
  } else if (auto numbers = map_by_number(classes, num_classes)) {
    mapping.classes = std::move(*numbers);
    mapping.how = "by the numbers that they are named";
  } else {
    map_by_order(mapping, classes, num_classes, "the model has no labels to go by");
    if (log != nullptr)
      log->warning("the model has no labels: the classes are met by their order, {} to {}",
                   printable(classes.front()), printable(classes.back()));
  }
  if (mapping.labels.empty()) mapping.labels = names_of(mapping, classes, num_classes);
  return mapping;
}

}  // namespace vit::infer
