#include "vit/core/sha256.h"

#include <gtest/gtest.h>

#include "support/support.h"
#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit {
namespace {

std::string of(std::string_view text) { return sha256(std::as_bytes(std::span(text))); }

// The messages and digests of FIPS 180-4's published examples.
TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(of(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, ReadsAFileInPieces) {
  const testing::TemporaryFolder folder;
  const std::string text((3U << 20U) + 17, 'x');
  write_file(folder / "file", text);
  EXPECT_EQ(sha256_file(folder / "file"), of(text));
}

TEST(Sha256, SaysThatAFileIsMissing) { EXPECT_THROW(sha256_file("/no/such/file"), IoError); }

}  // namespace
}  // namespace vit
