#include "vit/report/training_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vit::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TrainingPage small_page() {
  TrainingPage page;
  page.title = "runs/<a>";
  page.rows = {{{"event", "step"}, {"step", 1}, {"loss", 2.5}, {"lr", 0.1}},
               {{"event", "step"}, {"step", 2}, {"loss", nullptr}, {"lr", 0.2}},
               {{"event", "epoch"}, {"epoch", 1}, {"step", 2}, {"train_loss", 2.0}},
               {{"event", "epoch"},
                {"epoch", 2},
                {"step", 4},
                {"train_loss", 1.5},
                {"eval_loss", 1.4},
                {"eval_top1", 61.25},
                {"eval_top5", 90.0}},
               {{"event", "not_finite"}, {"step", 5}}};
  page.labels = {"cat", "dog"};
  page.confusion = {5, 1, 2, 4};
  page.mistakes = {{"x/<b>.png", "data:m", "cat", "dog & co", 0.875}};
  page.samples = {"data:s"};
  page.configuration = {{"lr", 0.1}};
  return page;
}

TEST(TrainingPage, ShowsCurvesTableMistakesSamplesAndOptions) {
  const auto html = training_page(small_page());
  EXPECT_THAT(html, HasSubstr("<title>runs/&lt;a&gt;</title>"));
  EXPECT_THAT(html, HasSubstr("61.25 % (epoch 2)"));
  EXPECT_THAT(html, HasSubstr("aria-label=\"Loss\""));
  EXPECT_THAT(html, HasSubstr("class=\"confusion\""));
  EXPECT_THAT(html, HasSubstr("title=\"x/&lt;b&gt;.png\""));
  EXPECT_THAT(html, HasSubstr("<b>dog &amp; co</b> 87.5&#8239;%<br>is cat"));
  EXPECT_THAT(html, HasSubstr("src=\"data:s\""));
  EXPECT_THAT(html, HasSubstr("&quot;lr&quot;: 0.1"));
  EXPECT_THAT(html, Not(HasSubstr("http://"))) << "nothing from elsewhere";
  EXPECT_THAT(html, Not(HasSubstr("https://")));
}

TEST(TrainingPage, NamesTheMeasureOfAMultiLabelRunBeforeItsFirstEvaluation) {
  auto page = small_page();
  EXPECT_THAT(training_page(page), HasSubstr("best top-1"));
  page.multi_label = true;
  EXPECT_THAT(training_page(page), HasSubstr("best mAP"));
}

TEST(TrainingPage, LooksForItsNextFormOnlyWhileTheRunGoesOn) {
  auto page = small_page();
  EXPECT_THAT(training_page(page), HasSubstr("http-equiv=\"refresh\""));
  page.running = false;
  EXPECT_THAT(training_page(page), Not(HasSubstr("http-equiv=\"refresh\"")));
}

TEST(TrainingPage, LeavesOutWhatThereIsNot) {
  const auto html = training_page({"empty", {}, {}, {}, {}, {}, {}, {}, true});
  EXPECT_THAT(html, Not(HasSubstr("<section>")));
  EXPECT_THAT(html, Not(HasSubstr("<svg")));
  EXPECT_THAT(html, HasSubstr("not evaluated yet"));
}

}  // namespace
}  // namespace vit::report
