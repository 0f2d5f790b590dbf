#include "pickle_globals.h"

#include <array>

namespace vit::io {
namespace {

using Kind = GlobalKind;

constexpr auto kGlobals = std::to_array<PickleGlobal>({
    {"torch._utils", "_rebuild_tensor_v2", Kind::kRebuildTensorV2},
    {"torch._utils", "_rebuild_tensor_v3", Kind::kRebuildTensorV3},
    {"torch._utils", "_rebuild_tensor", Kind::kRebuildTensor},
    {"torch._utils", "_rebuild_parameter", Kind::kRebuildParameter},
    {"torch._utils", "_rebuild_parameter_with_state", Kind::kRebuildParameterWithState},
    {"torch._tensor", "_rebuild_from_type_v2", Kind::kRebuildFromType},
    {"torch.nn.parameter", "Parameter", Kind::kTensorType},
    {"torch.nn.parameter", "Buffer", Kind::kTensorType},
    {"torch._tensor", "Tensor", Kind::kTensorType},
    {"torch", "Tensor", Kind::kTensorType},

    {"torch", "FloatStorage", Kind::kStorageType, DType::kF32},
    {"torch", "DoubleStorage", Kind::kStorageType, DType::kF64},
    {"torch", "HalfStorage", Kind::kStorageType, DType::kF16},
    {"torch", "BFloat16Storage", Kind::kStorageType, DType::kBF16},
    {"torch", "LongStorage", Kind::kStorageType, DType::kI64},
    {"torch", "IntStorage", Kind::kStorageType, DType::kI32},
    {"torch", "ShortStorage", Kind::kStorageType, DType::kI16},
    {"torch", "CharStorage", Kind::kStorageType, DType::kI8},
    {"torch", "ByteStorage", Kind::kStorageType, DType::kU8},
    {"torch", "BoolStorage", Kind::kStorageType, DType::kBool},
    {"torch", "ComplexFloatStorage", Kind::kStorageType},
    {"torch", "ComplexDoubleStorage", Kind::kStorageType},
    {"torch", "QUInt8Storage", Kind::kStorageType},
    {"torch", "QInt8Storage", Kind::kStorageType},
    {"torch", "QInt32Storage", Kind::kStorageType},
    {"torch", "QUInt4x2Storage", Kind::kStorageType},
    {"torch", "QUInt2x4Storage", Kind::kStorageType},
    {"torch", "UntypedStorage", Kind::kStorageType, DType::kU8},
    {"torch.storage", "UntypedStorage", Kind::kStorageType, DType::kU8},
    {"torch.storage", "TypedStorage", Kind::kStorageType},

    {"torch", "float32", Kind::kDType, DType::kF32},
    {"torch", "float64", Kind::kDType, DType::kF64},
    {"torch", "float16", Kind::kDType, DType::kF16},
    {"torch", "bfloat16", Kind::kDType, DType::kBF16},
    {"torch", "int64", Kind::kDType, DType::kI64},
    {"torch", "int32", Kind::kDType, DType::kI32},
    {"torch", "int16", Kind::kDType, DType::kI16},
    {"torch", "int8", Kind::kDType, DType::kI8},
    {"torch", "uint8", Kind::kDType, DType::kU8},
    {"torch", "bool", Kind::kDType, DType::kBool},
    {"torch", "uint16", Kind::kDType},
    {"torch", "uint32", Kind::kDType},
    {"torch", "uint64", Kind::kDType},
    {"torch", "complex32", Kind::kDType},
    {"torch", "complex64", Kind::kDType},
    {"torch", "complex128", Kind::kDType},
    {"torch", "float8_e4m3fn", Kind::kDType},
    {"torch", "float8_e5m2", Kind::kDType},
    {"torch", "float8_e4m3fnuz", Kind::kDType},
    {"torch", "float8_e5m2fnuz", Kind::kDType},
    {"torch", "float8_e8m0fnu", Kind::kDType},
    {"torch", "float4_e2m1fn_x2", Kind::kDType},
    {"torch", "qint8", Kind::kDType},
    {"torch", "quint8", Kind::kDType},
    {"torch", "qint32", Kind::kDType},

    {"collections", "OrderedDict", Kind::kOrderedDict},
    {"collections", "Counter", Kind::kCounter},
    {"builtins", "set", Kind::kSet},
    {"__builtin__", "set", Kind::kSet},  // Python 2's name, which protocol 2 writes
    {"torch", "Size", Kind::kSize},
    {"_codecs", "encode", Kind::kEncode},
    {"torch", "device", Kind::kInert},
    {"argparse", "Namespace", Kind::kInert},
    {"numpy.core.multiarray", "scalar", Kind::kInert},
    {"numpy._core.multiarray", "scalar", Kind::kInert},
    {"numpy", "dtype", Kind::kInert},
});

}  // namespace

std::string full_name(const PickleGlobal& global) {
  return std::string(global.module) + "." + std::string(global.name);
}

const PickleGlobal& pickle_global(std::uint32_t index) { return kGlobals.at(index); }

std::optional<std::uint32_t> find_pickle_global(std::string_view module, std::string_view name) {
  for (std::uint32_t i = 0; i < kGlobals.size(); ++i)
    if (kGlobals[i].name == name && kGlobals[i].module == module) return i;
  return std::nullopt;
}

}  // namespace vit::io
