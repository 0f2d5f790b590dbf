// The zip form (PyTorch 1.6 and later): caffe2/serialize/inline_container.h in PyTorch.
#include <algorithm>
#include <map>

#include "pickle_result.h"
#include "text.h"
#include "torch_formats.h"
#include "unpickler.h"
#include "vit/core/error.h"
#include "zip.h"

namespace vit::io {
namespace {

/// The entries by their names behind the archive's own: `data.pkl`, `data/0`, ….
class Records {
 public:
  Records(const ByteRange& file, std::string source)
      : source_(std::move(source)), entries_(read_zip(file, source_)) {
    for (const auto& entry : entries_) {
      const auto slash = entry.name.find('/');
      const auto name = std::string_view(entry.name).substr(slash + 1);
      if (slash == std::string::npos || entry.name.substr(0, slash) != archive_name())
        throw DataError("{}: expected the records of one archive, found {} and {}", source_,
                        in_quotes(entries_.front().name), in_quotes(entry.name));
      records_.emplace(name, &entry);
    }
  }

  const ZipEntry* find(std::string_view name) const {
    const auto place = records_.find(name);
    return place == records_.end() ? nullptr : place->second;
  }

  const ZipEntry& at(std::string_view name) const {
    const auto* entry = find(name);
    if (entry == nullptr)
      throw DataError("{}: expected a record {} in the archive, found none", source_,
                      in_quotes(name));
    return *entry;
  }

  const std::vector<ZipEntry>& entries() const { return entries_; }
  const std::string& source() const { return source_; }

 private:
  std::string_view archive_name() const {
    const std::string_view first = entries_.front().name;
    return first.substr(0, first.find('/'));
  }

  std::string source_;
  std::vector<ZipEntry> entries_;
  std::map<std::string_view, const ZipEntry*> records_;
};

void check_kind(const Records& records) {
  const auto& source = records.source();
  if (records.find("constants.pkl") != nullptr)
    throw DataError(
        "{}: a TorchScript archive is not supported: expected what torch.save wrote "
        "of a state dict",
        source);
  if (records.find("data.pkl") == nullptr)
    throw DataError("{}: expected a PyTorch file with a record 'data.pkl', found a zip without",
                    source);
  for (const auto& entry : records.entries())
    if (entry.deflated)
      throw DataError("{}: {}: expected a stored record, as torch.save writes it", source,
                      in_quotes(entry.name));
  if (const auto* order = records.find("byteorder"); order != nullptr) {
    constexpr std::size_t kShown = 16;
    const auto name = order->data.read_start(kShown);
    if (as_text(name) != "little" || order->data.size() != name.size())
      throw DataError("{}: expected byte order 'little', found {}", source,
                      in_quotes(as_text(name)));
  }
}

ByteRange storage_record(const Records& records, const Storage& storage) {
  const auto& entry = records.at("data/" + std::string(storage.key));
  if (entry.data.size() != storage.size)
    throw DataError("{}: {}: expected {} bytes for its storage, found {}", records.source(),
                    in_quotes(entry.name), storage.size, entry.data.size());
  return entry.data;
}

}  // namespace

PickleValue read_torch_zip(const ByteRange& file, const std::string& source,
                           const TorchFileOptions& options) {
  const Records records(file, source);
  check_kind(records);
  const auto& pickle = records.at("data.pkl");
  if (pickle.data.size() > kMaxPickle)
    throw DataError("{}: expected a data.pkl of at most {} bytes, found {}", records.source(),
                    kMaxPickle, pickle.data.size());
  if (options.check_crc) check_crc(pickle, records.source());
  PickleHeap heap;
  const auto bytes = pickle.data.read_all();
  ByteReader reader(bytes, records.source() + ": data.pkl");
  const auto root = Unpickler(heap, reader).run();
  if (reader.left() != 0)
    throw DataError("{}: expected nothing behind the STOP opcode, found {} bytes", reader.where(),
                    reader.left());
  std::vector<ByteRange> storages;
  for (const auto& storage : heap.storages) storages.push_back(storage_record(records, storage));
  auto result = make_result(heap, root, storages, reader.where());
  // Last, because it reads the whole file.
  if (options.check_crc)
    for (const auto& entry : records.entries()) check_crc(entry, records.source());
  return result;
}

}  // namespace vit::io
