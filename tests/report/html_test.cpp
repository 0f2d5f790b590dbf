#include "vit/report/html.h"

#include <gtest/gtest.h>

namespace vit::report {
namespace {

TEST(Html, EscapesWhatHasAMeaning) {
  EXPECT_EQ(html_escape("<a href=\"x\">'&'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(html_escape("größe 大"), "größe 大");
}

TEST(Html, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(html_escape("a\xff"
                        "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(html_escape("a\xe5\xa4"), "a\xef\xbf\xbd\xef\xbf\xbd") << "cut short";
}

// RFC 4648, section 10.
TEST(Html, WritesBase64) {
  EXPECT_EQ(data_uri("a/b", ""), "data:a/b;base64,");
  EXPECT_EQ(data_uri("a/b", "f"), "data:a/b;base64,Zg==");
  EXPECT_EQ(data_uri("a/b", "fo"), "data:a/b;base64,Zm8=");
  EXPECT_EQ(data_uri("a/b", "foobar"), "data:a/b;base64,Zm9vYmFy");
}

}  // namespace
}  // namespace vit::report
