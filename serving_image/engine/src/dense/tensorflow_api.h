// TensorFlow's C API out of the pip wheel, loaded at run time, with no header and no link of TensorFlow's.
//
// Memory:  a table of functions; the library stays loaded until the process ends.
// Threads: immutable once loaded; the functions are as safe as TensorFlow documents them (sessions: any thread).
//
// The wheel's library carries its own protobuf and absl. RTLD_LOCAL keeps them from the rest of the process, and
// RTLD_DEEPBIND keeps the rest of the process, which has Debian's, from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/status.h"

namespace tandem::serving {

// Opaque there as well, except for the two structures, whose layout is part of TensorFlow's stable C interface.
struct TF_Status;
struct TF_Tensor;
struct TF_Graph;
struct TF_Operation;
struct TF_Session;
struct TF_SessionOptions;
struct TF_ImportGraphDefOptions;
struct TF_DeviceList;
struct TF_Buffer {
  const void* data;
  size_t length;
  void (*data_deallocator)(void* data, size_t length);
};
struct TF_Output {
  TF_Operation* oper;
  int index;
};

inline constexpr int kTensorFlowOk = 0;
inline constexpr int kTensorFlowFloat = 1;
inline constexpr int kTensorFlowString = 7;

struct TensorFlow {
  const char* (*TF_Version)();
  TF_Status* (*TF_NewStatus)();
  void (*TF_DeleteStatus)(TF_Status*);
  int (*TF_GetCode)(const TF_Status*);
  const char* (*TF_Message)(const TF_Status*);
  TF_Tensor* (*TF_NewTensor)(int type, const int64_t* dims, int rank, void* data, size_t bytes,
                             void (*deallocator)(void* data, size_t bytes, void* argument), void* argument);
  void (*TF_DeleteTensor)(TF_Tensor*);
  int (*TF_TensorType)(const TF_Tensor*);
  int (*TF_NumDims)(const TF_Tensor*);
  int64_t (*TF_Dim)(const TF_Tensor*, int dimension);
  void* (*TF_TensorData)(const TF_Tensor*);
  TF_Graph* (*TF_NewGraph)();
  void (*TF_DeleteGraph)(TF_Graph*);
  TF_ImportGraphDefOptions* (*TF_NewImportGraphDefOptions)();
  void (*TF_DeleteImportGraphDefOptions)(TF_ImportGraphDefOptions*);
  void (*TF_ImportGraphDefOptionsSetDefaultDevice)(TF_ImportGraphDefOptions*, const char* device);
  void (*TF_GraphImportGraphDef)(TF_Graph*, const TF_Buffer*, const TF_ImportGraphDefOptions*, TF_Status*);
  TF_Operation* (*TF_GraphOperationByName)(TF_Graph*, const char* name);
  int (*TF_OperationNumOutputs)(TF_Operation*);
  int (*TF_OperationOutputType)(TF_Output);
  int (*TF_GraphGetTensorNumDims)(TF_Graph*, TF_Output, TF_Status*);
  void (*TF_GraphGetTensorShape)(TF_Graph*, TF_Output, int64_t* dims, int rank, TF_Status*);
  TF_SessionOptions* (*TF_NewSessionOptions)();
  void (*TF_DeleteSessionOptions)(TF_SessionOptions*);
  void (*TF_SetConfig)(TF_SessionOptions*, const void* config, size_t bytes, TF_Status*);
  TF_Session* (*TF_NewSession)(TF_Graph*, const TF_SessionOptions*, TF_Status*);
  TF_DeviceList* (*TF_SessionListDevices)(TF_Session*, TF_Status*);
  int (*TF_DeviceListCount)(const TF_DeviceList*);
  const char* (*TF_DeviceListType)(const TF_DeviceList*, int index, TF_Status*);
  void (*TF_DeleteDeviceList)(TF_DeviceList*);
  void (*TF_CloseSession)(TF_Session*, TF_Status*);
  void (*TF_DeleteSession)(TF_Session*, TF_Status*);
  void (*TF_SessionRun)(TF_Session*, const TF_Buffer* options, const TF_Output* inputs, TF_Tensor* const* input_values,
                        int input_count, const TF_Output* outputs, TF_Tensor** output_values, int output_count,
                        const TF_Operation* const* targets, int target_count, TF_Buffer* metadata, TF_Status*);
};

// `path`: libtensorflow_cc.so.2 inside the installed wheel. Once per process, before threads: it sets variables of the
// environment that TensorFlow reads when loaded, unless they are set.
Status LoadTensorFlow(const std::string& path, std::unique_ptr<const TensorFlow>* made);

}  // namespace tandem::serving
