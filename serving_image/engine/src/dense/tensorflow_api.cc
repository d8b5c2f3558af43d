#include "dense/tensorflow_api.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <utility>

namespace tandem::serving {
namespace {

template <typename Function>
bool Find(void* library, const char* name, Function* function, std::string* missing) {
  void* symbol = dlsym(library, name);
  if (symbol == nullptr && missing->empty()) *missing = name;
  static_assert(sizeof(symbol) == sizeof(*function));
  std::memcpy(function, &symbol, sizeof symbol);
  return symbol != nullptr;
}

}  // namespace

Status LoadTensorFlow(const std::string& path, std::unique_ptr<const TensorFlow>* made) {
  // Its oneDNN rewrites cost small batches 30 to 50 %; for large ones there is the chain.
  setenv("TF_ENABLE_ONEDNN_OPTS", "0", 0);
  setenv("TF_CPP_MIN_LOG_LEVEL", "2", 0);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (library == nullptr) {
    return Status::Refused("TensorFlow can't be loaded from " + path + ": " + dlerror() +
                           "; give the path of libtensorflow_cc.so.2 in the installed package tensorflow");
  }
  auto api = std::make_unique<TensorFlow>();
  std::string missing;
#define FIND(name) Find(library, #name, &api->name, &missing)
  FIND(TF_Version);
  FIND(TF_NewStatus);
  FIND(TF_DeleteStatus);
  FIND(TF_GetCode);
  FIND(TF_Message);
  FIND(TF_NewTensor);
  FIND(TF_DeleteTensor);
  FIND(TF_TensorType);
  FIND(TF_NumDims);
  FIND(TF_Dim);
  FIND(TF_TensorData);
  FIND(TF_NewGraph);
  FIND(TF_DeleteGraph);
  FIND(TF_NewImportGraphDefOptions);
  FIND(TF_DeleteImportGraphDefOptions);
  FIND(TF_ImportGraphDefOptionsSetDefaultDevice);
  FIND(TF_GraphImportGraphDef);
  FIND(TF_GraphOperationByName);
  FIND(TF_OperationNumOutputs);
  FIND(TF_OperationOutputType);
  FIND(TF_GraphGetTensorNumDims);
  FIND(TF_GraphGetTensorShape);
  FIND(TF_NewSessionOptions);
  FIND(TF_DeleteSessionOptions);
  FIND(TF_SetConfig);
  FIND(TF_NewSession);
  FIND(TF_SessionListDevices);
  FIND(TF_DeviceListCount);
  FIND(TF_DeviceListType);
  FIND(TF_DeleteDeviceList);
  FIND(TF_CloseSession);
  FIND(TF_DeleteSession);
  FIND(TF_SessionRun);
#undef FIND
  if (!missing.empty()) {
    dlclose(library);
    return Status::Refused(path + " has no " + missing + "; it is no TensorFlow 2 library");
  }
  *made = std::move(api);
  return {};
}

}  // namespace tandem::serving
