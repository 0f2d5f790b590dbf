#include "vit/core/array.h"

#include <stdexcept>

#include "vit/core/error.h"
#include "vit/core/text.h"

namespace vit {

void Array::allocate() {
  double count = 1;
  std::size_t values = 1;
  for (const auto size : shape) {
    count *= static_cast<double>(size);
    values *= static_cast<std::size_t>(size);
  }
  const auto bytes = count * sizeof(float);
  try {
    if (bytes > static_cast<double>(PTRDIFF_MAX)) throw std::length_error("array");
    data.resize(values);
  } catch (const std::exception&) {  // bad_alloc or length_error
    throw IoError("not enough memory: {} asked for", bytes_text(bytes));
  }
}

}  // namespace vit
