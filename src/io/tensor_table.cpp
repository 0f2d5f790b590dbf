#include "vit/io/tensor_table.h"

#include <array>
#include <cstring>

#include "text.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

struct DTypeInfo {
  std::string_view name;
  std::size_t size;
  bool floating_point;
};

/// In the order of DType.
constexpr std::array<DTypeInfo, 10> kDTypes{{{"BOOL", 1, false},
                                             {"U8", 1, false},
                                             {"I8", 1, false},
                                             {"I16", 2, false},
                                             {"I32", 4, false},
                                             {"I64", 8, false},
                                             {"F16", 2, true},
                                             {"BF16", 2, true},
                                             {"F32", 4, true},
                                             {"F64", 8, true}}};
static_assert(static_cast<std::size_t>(DType::kF64) + 1 == kDTypes.size());

const DTypeInfo& info(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::size_t size_of(DType dtype) { return info(dtype).size; }
std::string_view name_of(DType dtype) { return info(dtype).name; }
bool is_floating_point(DType dtype) { return info(dtype).floating_point; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kDTypes.size(); ++i)
    if (kDTypes[i].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

std::int64_t TensorEntry::numel() const {
  std::int64_t product = 1;
  for (const auto size : shape) product *= size;
  return product;
}

std::vector<std::byte> read_contiguous(const TensorEntry& entry) {
  if (entry.numel() == 0) return {};
  auto elements = entry.data.read_all();
  if (entry.strides.empty()) return elements;
  const auto size = size_of(entry.dtype);
  std::vector<std::byte> rows(static_cast<std::size_t>(entry.numel()) * size);
  std::vector<std::int64_t> index(entry.shape.size(), 0);
  for (std::size_t to = 0; to < rows.size(); to += size) {
    std::int64_t from = 0;
    for (std::size_t d = 0; d < index.size(); ++d) from += index[d] * entry.strides[d];
    std::memcpy(&rows[to], &elements[static_cast<std::size_t>(from) * size], size);
    for (auto d = index.size(); d-- > 0;) {
      if (++index[d] < entry.shape[d]) break;
      index[d] = 0;
    }
  }
  return rows;
}

void TensorTable::add(TensorEntry entry) {
  const auto [place, is_new] = index_.emplace(entry.name, entries_.size());
  if (!is_new) throw DataError("{}: tensor {} is there twice", source_, in_quotes(entry.name));
  entries_.push_back(std::move(entry));
}

const TensorEntry* TensorTable::find(std::string_view name) const {
  const auto place = index_.find(name);
  return place == index_.end() ? nullptr : &entries_[place->second];
}

}  // namespace vit::io
