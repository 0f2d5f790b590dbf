#include "support/support.h"

#include <cstdlib>
#include <stdexcept>

namespace vit::testing {

std::filesystem::path golden_path(const std::string& name) {
  return std::filesystem::path(VIT_TESTS_DIR) / "golden" / name;
}

TemporaryFolder::TemporaryFolder() {
  auto pattern = (std::filesystem::temp_directory_path() / "vit-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace vit::testing
