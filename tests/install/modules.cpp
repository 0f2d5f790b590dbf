// The modules themselves, for programs that link vit::torch.
#include <vit/infer/predictor.h>
#include <vit/model/module_engine.h>
#include <vit/torch.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  auto loaded = vit::model::load_model(argv[1]);
  const auto& model = loaded.config.model;
  const auto x = at::ones({1, model.in_c(), model.img_size()[0], model.img_size()[1]});
  const auto logits = loaded.model->forward(x).logits;  // [1, num_classes]
  const vit::Predictor predictor(std::make_unique<vit::model::ModuleEngine>(loaded.model),
                                 loaded.config);
  const auto same = vit::to_tensor(predictor.predict(vit::to_array(x)));
  std::cout << (at::equal(same, logits) ? "equal" : "different") << '\n';
}
