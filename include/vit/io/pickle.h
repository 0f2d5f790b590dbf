// Python pickles as inert data: an interpreter of the opcodes that torch.save and numpy emit, with
// an allow-list of globals. Nothing is imported, called or executed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "vit/io/tensor_table.h"

namespace vit::io {

struct PickleObject;
struct PickleValue;
using PickleList = std::vector<PickleValue>;
using PickleDict = std::vector<std::pair<PickleValue, PickleValue>>;

/// A value of a checkpoint. Containers are shared, as pickles share them; none contains itself,
/// and they are at most 64 deep.
struct PickleValue {
  std::variant<std::monostate, bool, std::int64_t, double, std::string, std::shared_ptr<PickleList>,
               std::shared_ptr<PickleDict>, std::shared_ptr<TensorEntry>,
               std::shared_ptr<PickleObject>>
      value;

  bool is_none() const { return std::holds_alternative<std::monostate>(value); }
  const PickleDict* dict() const;
  const PickleList* list() const;  ///< lists, tuples and sets
  const std::string* string() const;
  const TensorEntry* tensor() const;  ///< its `name` is empty
  const PickleObject* object() const;
  /// The value under a string key of a dict; null where there is none.
  const PickleValue* find(std::string_view key) const;
};

/// An allow-listed class instance that is neither container nor tensor (argparse.Namespace, a
/// numpy scalar, a dtype, an integer beyond 64 bits): its global's name and its state.
struct PickleObject {
  std::string type;
  PickleValue state;
};

}  // namespace vit::io
