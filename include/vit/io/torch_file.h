// PyTorch's .pt/.pth/.bin/.ckpt: the zip form (since 1.6) and the legacy form before it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vit/io/pickle.h"

namespace vit::io {

struct TorchFileOptions {
  bool check_crc = true;  ///< refuse a zip whose checksums are wrong
};

/// The object that torch.save was given; its tensors are read when they are asked for.
/// Throws DataError (what is wrong and where; a global that is not on the allow-list is named),
/// IoError.
PickleValue read_torch_file(const std::filesystem::path& path,
                            const TorchFileOptions& options = {});

/// The state dict inside a checkpoint: `key` where it is given, else the first of `candidates`
/// that is a dict with tensors, else the object itself. Entries that are no tensors are left out
/// of a state dict that was chosen by key and are an error nowhere; a key that is not a string is
/// an error. `chosen`, if given, gets the key that was taken, or becomes empty. Throws DataError
/// naming the keys that are there, and one of them that would do.
TensorTable select_state_dict(const PickleValue& root, const std::string& source,
                              const std::string& key, const std::vector<std::string>& candidates,
                              std::string* chosen = nullptr);

}  // namespace vit::io
