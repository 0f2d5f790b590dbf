#include "vit/io/npy.h"

#include <array>

#include "geometry.h"
#include "npy_array.h"
#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit::io {
namespace {

/// In the order of DType. numpy has no bfloat16 of its own: two raw bytes stand for it.
constexpr std::array<const char*, 10> kDescr{"|b1", "|u1", "|i1", "<i2", "<i4",
                                             "<i8", "<f2", "|V2", "<f4", "<f8"};

}  // namespace

TensorEntry read_npy(const std::filesystem::path& path) {
  return parse_npy(open_bytes(path), path.string());
}

std::string npy_header(DType dtype, const std::vector<std::int64_t>& shape) {
  std::string text = format("{'descr': '{}', 'fortran_order': False, 'shape': (",
                            kDescr[static_cast<std::size_t>(dtype)]);
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  text += shape.size() == 1 ? ",), }" : "), }";
  // Data starts at a multiple of 64, behind a newline.
  const std::size_t prefix = 10;
  const std::size_t padded = (prefix + text.size() + 1 + 63) / 64 * 64;
  text.resize(padded - prefix - 1, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xFFU);
  header += static_cast<char>(text.size() >> 8U);
  return header + text;
}

void write_npy(const std::filesystem::path& path, DType dtype,
               const std::vector<std::int64_t>& shape, std::span<const std::byte> bytes) {
  const auto expected = contiguous_bytes(dtype, shape);
  if (!expected || *expected != bytes.size())
    throw DataError("{}: expected the bytes of shape {} of {}, found {} bytes", path.string(),
                    shape, name_of(dtype), bytes.size());
  AtomicFile file(path);
  file.write(npy_header(dtype, shape));
  file.write(bytes);
  file.commit();
}

}  // namespace vit::io
