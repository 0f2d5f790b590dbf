#include "vit/io/torch_file.h"

#include <algorithm>

#include "bytes.h"
#include "text.h"
#include "torch_formats.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

bool is_tar(Bytes bytes) { return bytes.size() >= 512 && starts_with(bytes.subspan(257), "ustar"); }

bool has_tensors(const PickleValue& value) {
  const auto* items = value.dict();
  return items != nullptr && std::any_of(items->begin(), items->end(), [](const auto& item) {
           return item.second.tensor() != nullptr;
         });
}

std::string list_keys(const PickleValue& root) {
  constexpr std::size_t kShown = 20;
  const auto* items = root.dict();
  if (items == nullptr) return "no dict";
  std::string text;
  std::size_t shown = 0;
  for (const auto& [key, value] : *items) {
    if (key.string() == nullptr) continue;
    text += (text.empty() ? "" : ", ") + in_quotes(*key.string());
    if (++shown == kShown) return text + ", ...";
  }
  return text.empty() ? "no keys" : text;
}

const PickleValue& choose(const PickleValue& root, const std::string& source,
                          const std::string& key, const std::vector<std::string>& candidates) {
  if (!key.empty()) {
    const auto* chosen = root.find(key);
    if (chosen == nullptr || !has_tensors(*chosen))
      throw DataError("{}: expected a dict of tensors under {}, found {} (keys: {})", source,
                      in_quotes(key), chosen == nullptr ? "none" : "something else",
                      list_keys(root));
    return *chosen;
  }
  for (const auto& candidate : candidates)
    if (const auto* chosen = root.find(candidate); chosen != nullptr && has_tensors(*chosen))
      return *chosen;
  if (!has_tensors(root))
    throw DataError("{}: expected a dict of tensors, found {}", source, list_keys(root));
  return root;
}

}  // namespace

PickleValue read_torch_file(const std::filesystem::path& path, const TorchFileOptions& options) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  const auto source = path.string();
  if (starts_with(bytes, "PK")) return read_torch_zip(file, options);
  if (is_tar(bytes))
    throw DataError(
        "{}: a tar archive (PyTorch 0.1) is not supported: save it again with a newer "
        "PyTorch",
        source);
  if (starts_with(bytes, "\x80")) return read_torch_legacy(file);
  throw DataError(
      "{}: expected a PyTorch file (a zip, or a pickle before 1.6), found {}", source,
      bytes.empty() ? "an empty file"
                    : "one that starts with " +
                          in_quotes(as_text(bytes.first(std::min<std::size_t>(bytes.size(), 8)))));
}

TensorTable select_state_dict(const PickleValue& root, const std::string& source,
                              const std::string& key, const std::vector<std::string>& candidates) {
  const auto& chosen = choose(root, source, key, candidates);
  TensorTable table(source);
  for (const auto& [name, value] : *chosen.dict()) {
    if (name.string() == nullptr)
      throw DataError("{}: expected a state dict with names as keys, found a key that is none",
                      source);
    if (value.tensor() == nullptr) continue;
    auto entry = *value.tensor();
    entry.name = *name.string();
    table.add(std::move(entry));
  }
  return table;
}

}  // namespace vit::io
