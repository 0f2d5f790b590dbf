#include "vit/train/optimizer.h"

#include <gtest/gtest.h>

#include "golden.h"
#include "vit/core/error.h"
#include "vit/train/train_options.h"

namespace vit::train {
namespace {

using vit::testing::golden_tensor;

std::vector<at::Tensor> parameters_of(const Json& entries) {
  std::vector<at::Tensor> parameters;
  for (const auto& entry : entries)
    parameters.push_back(golden_tensor(entry).clone().set_requires_grad(true));
  return parameters;
}

std::vector<ParamGroup> groups_of(const Json& golden, const std::vector<at::Tensor>& parameters) {
  std::vector<ParamGroup> groups;
  for (const auto& entry : golden["groups"]) {
    auto& group = groups.emplace_back();
    group.weight_decay = entry["weight_decay"];
    group.lr_scale = entry["lr_scale"];
    for (const std::size_t i : entry["members"]) {
      group.names.push_back(std::to_string(i));
      group.parameters.push_back(parameters[i]);
    }
  }
  return groups;
}

void expect_golden_steps(bool fused) {
  const auto golden = vit::testing::read_golden()["adamw"];
  auto parameters = parameters_of(golden["parameters"]);
  const auto optimizer =
      make_optimizer("adamw", groups_of(golden, parameters),
                     {golden["eps"], golden["betas"][0], golden["betas"][1], fused});
  for (const auto& step : golden["steps"]) {
    optimizer->zero_grad();
    for (std::size_t i = 0; i < parameters.size(); ++i)
      if (!step["gradients"][i].is_null())
        parameters[i].mutable_grad() = golden_tensor(step["gradients"][i]);
    optimizer->step(step["lr"]);
    for (std::size_t i = 0; i < parameters.size(); ++i)
      EXPECT_TRUE(vit::testing::same(parameters[i].detach(), golden_tensor(step["parameters"][i])))
          << "parameter " << i << " at lr " << step["lr"];
  }
}

TEST(AdamW, StepsAsPyTorchDoesWithTheFusedKernel) { expect_golden_steps(true); }

TEST(AdamW, StepsAsPyTorchDoesWithoutTheFusedKernel) { expect_golden_steps(false); }

TEST(AdamW, GoesOnFromItsState) {
  const auto golden = vit::testing::read_golden()["adamw"];
  auto straight = parameters_of(golden["parameters"]);
  const auto first = make_optimizer("adamw", groups_of(golden, straight), {});
  const auto step = [&](Optimizer& optimizer, std::vector<at::Tensor>& parameters) {
    for (std::size_t i = 0; i < parameters.size(); ++i)
      parameters[i].mutable_grad() = golden_tensor(golden["steps"][0]["gradients"][i]);
    optimizer.step(0.1);
  };
  step(*first, straight);
  std::vector<at::Tensor> copied;
  for (const auto& parameter : straight)
    copied.push_back(parameter.detach().clone().set_requires_grad(true));
  const auto second = make_optimizer("adamw", groups_of(golden, copied), {});
  const auto from = first->state(), to = second->state();
  ASSERT_EQ(from.size(), to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    EXPECT_EQ(from[i].first, to[i].first);
    auto target = to[i].second;
    target.copy_(from[i].second);
  }
  step(*first, straight);
  step(*second, copied);
  for (std::size_t i = 0; i < straight.size(); ++i)
    EXPECT_TRUE(at::equal(straight[i], copied[i])) << "parameter " << i;
}

OptimizerSettings settings_of(const Json& entry) {
  auto settings = default_settings(entry["name"]);
  const auto& given = entry["arguments"];
  settings.eps = given.value("eps", settings.eps);
  settings.momentum = given.value("momentum", settings.momentum);
  if (given.contains("betas")) {
    settings.beta1 = given["betas"][0];
    settings.beta2 = given["betas"][1];
  }
  return settings;
}

TEST(Optimizer, StepsTwentyTimesAsTimmsOfTheSameName) {
  const auto golden = vit::testing::read_golden()["optimizers"];
  for (const auto& entry : golden["optimizers"]) {
    SCOPED_TRACE(entry["name"].get<std::string>() + entry["arguments"].dump());
    auto parameters = parameters_of(golden["start"]);
    std::vector<ParamGroup> groups(2);
    groups[0].weight_decay = 0.1;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      auto& group = groups[golden["decays"][i] == 0.1 ? 0 : 1];
      group.names.push_back(std::to_string(i));
      group.parameters.push_back(parameters[i]);
    }
    const auto optimizer = make_optimizer(entry["name"], groups, settings_of(entry));
    for (std::size_t step = 0; step < golden["rates"].size(); ++step) {
      optimizer->zero_grad();
      for (std::size_t i = 0; i < parameters.size(); ++i)
        if (golden["missing"] != Json{step, i})
          parameters[i].mutable_grad() = golden_tensor(golden["gradients"][step][i]).clone();
      optimizer->step(golden["rates"][step]);
    }
    // Twenty steps of float64; Muon's bfloat16 products round the same values alike.
    for (std::size_t i = 0; i < parameters.size(); ++i)
      EXPECT_TRUE(
          at::allclose(parameters[i].detach(), golden_tensor(entry["parameters"][i]), 1e-9, 1e-9))
          << "parameter " << i;
  }
}

TEST(Muon, KeepsAMomentumForMatricesAndMomentsForTheRest) {
  const auto golden = vit::testing::read_golden()["optimizers"];
  auto parameters = parameters_of(golden["start"]);
  std::vector<ParamGroup> groups(1);
  groups[0].names = {"matrix", "bias"};
  groups[0].parameters = {parameters[0], parameters[2]};
  std::vector<std::string> names;
  for (const auto& [name, tensor] : make_optimizer("muon", groups, {})->state())
    names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"exp_avg.bias", "exp_avg_sq.bias", "step.bias",
                                             "momentum_buffer.matrix"}));
}

TEST(Optimizer, RefusesAnUnknownName) {
  EXPECT_THROW(make_optimizer("adamx", {}, {}), UsageError);
  for (const auto& name : optimizer_names()) EXPECT_NE(make_optimizer(name, {}, {}), nullptr);
}

TEST(ClipGradNorm, ScalesAsPyTorchDoes) {
  for (const auto& golden : vit::testing::read_golden()["clipping"]) {
    std::vector<at::Tensor> gradients;
    for (const auto& entry : golden["before"]) gradients.push_back(golden_tensor(entry).clone());
    const double norm = clip_grad_norm(gradients, golden["max_norm"]);
    EXPECT_NEAR(norm, golden["norm"].get<double>(), vit::testing::kDoubleTolerance * norm);
    for (std::size_t i = 0; i < gradients.size(); ++i)
      EXPECT_TRUE(vit::testing::same(gradients[i], golden_tensor(golden["after"][i])));
  }
}

}  // namespace
}  // namespace vit::train
