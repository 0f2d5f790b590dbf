// torch.save's two forms.
#pragma once

#include "vit/io/byte_range.h"
#include "vit/io/torch_file.h"

namespace vit::io {

/// `source` opens the errors.
PickleValue read_torch_zip(const ByteRange& file, const std::string& source,
                           const TorchFileOptions& options);
PickleValue read_torch_legacy(const ByteRange& file, const std::string& source);

}  // namespace vit::io
