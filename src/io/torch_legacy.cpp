// The form before PyTorch 1.6: pickles of a magic number, a version, the system, the object and the
// storages' keys, then the storages (torch/serialization.py, _legacy_load).
#include <map>

#include "pickle_result.h"
#include "text.h"
#include "torch_formats.h"
#include "unpickler.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

constexpr std::string_view kLegacyMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr std::int64_t kProtocol = 1001;
constexpr std::size_t kReadPiece = 1U << 16;  // that is read at once

void check_start(const PickleHeap& heap, Value magic, const std::string& where) {
  if (magic.tag != Tag::kBigInt || heap.strings[magic.index] != kLegacyMagic)
    throw DataError("{}: expected the magic number of a PyTorch file, found {}", where,
                    describe(heap, magic));
}

void check_protocol(const PickleHeap& heap, Value protocol, const std::string& where) {
  if (protocol.tag != Tag::kInt || protocol.integer != kProtocol)
    throw DataError("{}: expected PyTorch's protocol {}, found {}", where, kProtocol,
                    describe(heap, protocol));
}

/// Sizes of C types were recorded too; what is stored has sizes of its own.
void check_system(const PickleHeap& heap, Value system, const std::string& where) {
  if (!heap.is_node(system, NodeKind::kDict))
    throw DataError("{}: expected a dict of the system, found {}", where, describe(heap, system));
  const auto& items = heap.nodes[system.index].items;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2)
    if (items[i].tag == Tag::kString && heap.strings[items[i].index] == "little_endian" &&
        (items[i + 1].tag != Tag::kBool || items[i + 1].integer != 1))
      throw DataError("{}: expected little-endian storages, found others", where);
}

/// The storages behind the pickles, by key.
std::map<std::string_view, ByteRange> read_storages(ByteReader& reader, const PickleHeap& heap,
                                                    Value keys) {
  const auto& where = reader.where();
  if (!heap.is_node(keys, NodeKind::kList))
    throw DataError("{}: expected a list of storage keys, found {}", where, describe(heap, keys));
  std::map<std::string_view, const Storage*> declared;
  for (const auto& storage : heap.storages) {
    const auto [place, is_new] = declared.emplace(storage.key, &storage);
    if (!is_new && place->second->size != storage.size)
      throw DataError("{}: storage {} has two sizes", where, in_quotes(storage.key));
  }
  std::map<std::string_view, ByteRange> records;
  for (const auto key : heap.nodes[keys.index].items) {
    const auto place =
        key.tag == Tag::kString ? declared.find(heap.strings[key.index]) : declared.end();
    if (place == declared.end())
      throw DataError("{}: expected a storage that the object names, found {}", where,
                      describe(heap, key));
    const auto& storage = *place->second;
    const auto count = reader.le<std::uint64_t>();
    if (count != storage.size / size_of(storage.dtype))
      throw DataError("{}: storage {}: expected {} elements, found {}", where,
                      in_quotes(storage.key), storage.size / size_of(storage.dtype), count);
    if (!records.emplace(storage.key, reader.take_range(storage.size)).second)
      throw DataError("{}: storage {} is there twice", where, in_quotes(storage.key));
  }
  if (reader.left() != 0)
    throw DataError("{}: expected nothing behind the storages, found {} bytes", where,
                    reader.left());
  return records;
}

}  // namespace

PickleValue read_torch_legacy(const ByteRange& file, const std::string& source) {
  ByteReader reader(file, kReadPiece, kMaxPickle, source);
  PickleHeap heap;
  Unpickler unpickler(heap, reader);
  check_start(heap, unpickler.run(), reader.where());
  check_protocol(heap, unpickler.run(), reader.where());
  check_system(heap, unpickler.run(), reader.where());
  const auto root = unpickler.run();
  const auto records = read_storages(reader, heap, unpickler.run());
  std::vector<ByteRange> storages;
  for (const auto& storage : heap.storages) {
    const auto record = records.find(storage.key);
    if (record == records.end())
      throw DataError("{}: storage {}: expected {} bytes, found none", reader.where(),
                      in_quotes(storage.key), storage.size);
    storages.push_back(record->second);
  }
  return make_result(heap, root, storages, reader.where());
}

}  // namespace vit::io
