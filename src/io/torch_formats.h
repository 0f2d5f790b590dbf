// torch.save's two forms.
#pragma once

#include <memory>

#include "vit/io/mapped_file.h"
#include "vit/io/torch_file.h"

namespace vit::io {

PickleValue read_torch_zip(const std::shared_ptr<const MappedFile>& file,
                           const TorchFileOptions& options);
PickleValue read_torch_legacy(const std::shared_ptr<const MappedFile>& file);

}  // namespace vit::io
