#include "expected.h"

#include <gtest/gtest.h>

#include "support/support.h"
#include "vit/core/file.h"
#include "vit/io/json_text.h"

namespace vit::io::testing {
namespace {

void append_elements(std::string& out, const TensorEntry& entry,
                     const std::vector<std::byte>& bytes, std::size_t dimension,
                     std::int64_t offset) {
  const auto size = size_of(entry.dtype);
  if (dimension == entry.shape.size()) {
    const auto element = std::span(bytes).subspan(static_cast<std::size_t>(offset) * size, size);
    out.append(reinterpret_cast<const char*>(element.data()), size);
    return;
  }
  for (std::int64_t i = 0; i < entry.shape[dimension]; ++i)
    append_elements(out, entry, bytes, dimension + 1, offset + i * entry.strides[dimension]);
}

std::string hex(std::string_view bytes) {
  std::string result;
  for (const char c : bytes) {
    result += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4U];
    result += "0123456789abcdef"[static_cast<unsigned char>(c) & 15U];
  }
  return result;
}

}  // namespace

std::string row_major(const TensorEntry& entry) {
  std::string result;
  const auto bytes = entry.data.read_all();
  if (entry.strides.empty() && !entry.shape.empty())
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  append_elements(result, entry, bytes, 0, 0);
  return result;
}

void expect_golden(const TensorTable& table, const std::string& file) {
  const auto path = vit::testing::golden_path("io/expected.json");
  const auto all = parse_json_bounded(read_file(path), path.string());
  ASSERT_TRUE(all.contains(file)) << file;
  const auto& tensors = all[file];
  ASSERT_EQ(table.entries().size(), tensors.size()) << file;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto name = tensors[i]["name"].get<std::string>();
    const auto* entry = table.find(name);
    ASSERT_NE(entry, nullptr) << file << ": " << name;
    EXPECT_EQ(name_of(entry->dtype), tensors[i]["dtype"].get<std::string>()) << name;
    EXPECT_EQ(entry->shape, tensors[i]["shape"].get<std::vector<std::int64_t>>()) << name;
    EXPECT_EQ(hex(row_major(*entry)), tensors[i]["data"].get<std::string>()) << file << name;
  }
}

}  // namespace vit::io::testing
