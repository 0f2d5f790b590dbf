// safetensors: the header is read, the tensors when they are asked for; written as a stream.
// Format: https://github.com/huggingface/safetensors, rules of the Rust reference implementation.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "vit/io/tensor_table.h"

namespace vit::io {

using Metadata = std::map<std::string, std::string>;

struct SafetensorsFile {
  TensorTable tensors;  ///< in the order of their data in the file
  Metadata metadata;
};

/// Checks the whole header before anything else; reads no tensor data.
/// Throws DataError (what is wrong and where), IoError (missing, unreadable).
SafetensorsFile read_safetensors(const std::filesystem::path& path);

/// One tensor to be written: `data` gives its contiguous bytes when its turn comes, so that no
/// more than one tensor needs to be in memory.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::function<std::span<const std::byte>()> data;
};

/// Writes by AtomicFile, in the order given; the header is padded with spaces to 8 bytes.
void write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                       const Metadata& metadata = {});

}  // namespace vit::io
