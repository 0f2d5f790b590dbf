// The allow-list: every global that a pickle may name, and what it stands for here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vit/io/tensor_table.h"

namespace vit::io {

enum class GlobalKind : std::uint8_t {
  kOrderedDict,
  kCounter,
  kSet,
  kRebuildTensor,
  kRebuildTensorV2,
  kRebuildTensorV3,
  kRebuildParameter,
  kRebuildParameterWithState,
  kRebuildFromType,
  kTensorType,
  kStorageType,
  kDType,
  kSize,
  kEncode,
  kInert,  ///< an object that is kept as name and arguments
};

struct PickleGlobal {
  std::string_view module;
  std::string_view name;
  GlobalKind kind;
  std::optional<DType> dtype{};  ///< of storages and dtypes; none: not one of ours
};

std::string full_name(const PickleGlobal& global);
const PickleGlobal& pickle_global(std::uint32_t index);
/// The index of a global; nothing where it is not on the list.
std::optional<std::uint32_t> find_pickle_global(std::string_view module, std::string_view name);

}  // namespace vit::io
