// Looking a kind up in a table of names.
#pragma once

#include <map>
#include <string>

#include "vit/core/error.h"

namespace vit::nn {

/// `table[name]`. Throws DataError naming `what` and every name of the table.
template <class Value>
const Value& find_kind(const std::map<std::string, Value>& table, const std::string& name,
                       const char* what) {
  if (const auto found = table.find(name); found != table.end()) return found->second;
  std::string names;
  for (const auto& [known, value] : table)
    names += (names.empty() ? "" : ", ") + (known.empty() ? std::string("''") : known);
  throw DataError("{}: expected one of {}, found '{}'", what, names, name);
}

}  // namespace vit::nn
