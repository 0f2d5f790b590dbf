// By libcrypto's functions for SHA-256 alone: linked statically they are a few kilobytes, where its
// newer interface (EVP) brings most of the library.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "vit/core/sha256.h"

#include <openssl/sha.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "vit/core/error.h"

namespace vit {
namespace {

class Hash {
 public:
  Hash() { SHA256_Init(&context_); }

  void add(const void* data, std::size_t size) { SHA256_Update(&context_, data, size); }

  std::string finish() {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256_Final(digest.data(), &context_);
    constexpr auto kDigits = "0123456789abcdef";
    std::string text;
    for (const auto byte : digest) {
      text += kDigits[byte >> 4U];
      text += kDigits[byte & 15U];
    }
    return text;
  }

 private:
  SHA256_CTX context_;
};

}  // namespace

std::string sha256(std::span<const std::byte> bytes) {
  Hash hash;
  hash.add(bytes.data(), bytes.size());
  return hash.finish();
}

std::string sha256_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw IoError("{}: cannot be read: {}", path.string(), std::strerror(errno));
  Hash hash;
  std::vector<char> buffer(1U << 20U);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.add(buffer.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) throw IoError("{}: cannot be read: {}", path.string(), std::strerror(errno));
  return hash.finish();
}

}  // namespace vit
