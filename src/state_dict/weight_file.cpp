#include "vit/state_dict/weight_file.h"

#include <algorithm>
#include <array>

#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/io/json_text.h"
#include "vit/io/npy.h"
#include "vit/io/safetensors.h"
#include "vit/io/torch_file.h"

namespace vit::state_dict {
namespace fs = std::filesystem;
namespace {

constexpr const char* kConfigKey = "vit.config";
constexpr std::size_t kMaxJson = 16U << 20;

/// Entries of a training checkpoint that hold weights, as timm's load_state_dict tries them
/// (timm/models/_helpers.py, 1.0.31); `encoder` is I-JEPA's.
const std::vector<std::string> kStateKeys{"state_dict_ema", "model_ema", "state_dict", "model",
                                          "encoder"};

/// Weights of a Hub folder, in timm's order of preference (timm/models/_hub.py, 1.0.31).
constexpr std::array kPreferredFiles{
    "model.safetensors",           "pytorch_model.bin",
    "pytorch_model.pth",           "model.pth",
    "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin", "open_clip_pytorch_model.pth"};
constexpr std::array kSuffixes{".safetensors", ".pth", ".bin", ".pt", ".ckpt", ".npz"};

using Reader = void (*)(WeightFile&, const WeightFileOptions&);

void refuse_state_key(const WeightFile& file, const WeightFileOptions& options, const char* what) {
  if (!options.state_key.empty())
    throw UsageError("{}: `state_key`: {} has no entries to choose from", file.path.string(), what);
}

void read_own(WeightFile& file, const WeightFileOptions& options) {
  refuse_state_key(file, options, "a safetensors file");
  auto contents = io::read_safetensors(file.path);
  file.format = "safetensors";
  file.tensors = std::move(contents.tensors);
  if (const auto found = contents.metadata.find(kConfigKey); found != contents.metadata.end())
    file.own_config = parse_json(found->second, file.path.string() + ": " + kConfigKey);
}

void read_torch(WeightFile& file, const WeightFileOptions& options) {
  io::TorchFileOptions torch_options;
  torch_options.check_crc = options.check_crc;
  const auto root = io::read_torch_file(file.path, torch_options);
  file.format = "torch";
  file.tensors = io::select_state_dict(root, file.path.string(), options.state_key, kStateKeys,
                                       &file.state_key);
}

void read_numpy(WeightFile& file, const WeightFileOptions& options) {
  refuse_state_key(file, options, "an npz file");
  file.format = "npz";
  file.tensors = io::read_npz(file.path, options.check_crc);
}

struct Format {
  std::string_view suffix;
  Reader read;
};
constexpr std::array kFormats{
    Format{".safetensors", read_own}, Format{".pt", read_torch},   Format{".pth", read_torch},
    Format{".bin", read_torch},       Format{".ckpt", read_torch}, Format{".tar", read_torch},
    Format{".npz", read_numpy},
};

/// For a file whose suffix says nothing: PyTorch's files are zips or pickles of protocol 2,
/// safetensors has an opening brace after its length.
Reader reader_by_contents(const fs::path& path) {
  std::array<char, 9> head{};
  const auto start = io::open_bytes(path).read_start(head.size());
  std::transform(start.begin(), start.end(), head.begin(),
                 [](std::byte byte) { return std::to_integer<char>(byte); });
  if (head[8] == '{') return read_own;
  if ((head[0] == 'P' && head[1] == 'K') || static_cast<unsigned char>(head[0]) == 0x80)
    return read_torch;
  throw DataError("{}: expected .safetensors, .pt, .pth, .bin, .ckpt or .npz", path.string());
}

Reader reader_of(const fs::path& path) {
  const auto suffix = path.extension().string();
  for (const auto& format : kFormats)
    if (format.suffix == suffix) return format.read;
  return reader_by_contents(path);
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed))
    files.push_back(entry->path());
  if (failed) throw IoError("{}: cannot be read: {}", folder.string(), failed.message());
  std::sort(files.begin(), files.end());
  return files;
}

fs::path weights_in(const fs::path& folder, Log* log) {
  const auto files = files_in(folder);
  for (const char* name : kPreferredFiles)
    if (std::find(files.begin(), files.end(), folder / name) != files.end()) return folder / name;
  for (const std::string suffix : kSuffixes) {
    std::vector<fs::path> found;
    std::copy_if(files.begin(), files.end(), std::back_inserter(found),
                 [&](const fs::path& file) { return file.extension() == suffix; });
    if (found.empty()) continue;
    if (found.size() > 1 && log != nullptr)
      log->warning("{}: {} files with weights; reading {}", folder.string(), found.size(),
                   found.front().filename().string());
    return found.front();
  }
  throw DataError("{}: expected a file with weights in the folder, found none", folder.string());
}

}  // namespace

Json parse_json(const std::string& text, const std::string& where) {
  return io::parse_json_bounded(text, where, {.size = kMaxJson});
}

Json read_json(const fs::path& path) {
  return parse_json(read_file(path, kMaxJson), path.string());
}

WeightFile open_weight_file(const fs::path& path, const WeightFileOptions& options, Log* log) {
  WeightFile file;
  std::error_code ignored;
  const auto status = fs::status(path, ignored);
  if (!fs::exists(status)) throw IoError("{}: no such file or folder", path.string());
  file.path = path;
  if (fs::is_directory(status)) {
    if (fs::exists(path / "config.json", ignored))
      file.timm_config = read_json(path / "config.json");
    file.path = weights_in(path, log);
  } else if (!fs::is_regular_file(status)) {
    throw IoError("{}: expected a regular file", path.string());
  }
  reader_of(file.path)(file, options);
  if (log != nullptr)
    log->debug("{}: {}, {} tensors{}", file.path.string(), file.format,
               file.tensors.entries().size(),
               file.state_key.empty() ? "" : " under '" + file.state_key + "'");
  return file;
}

}  // namespace vit::state_dict
