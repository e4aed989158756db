// The part of cuBLASLt's C interface that we call, declared by hand: no header of the library is needed to build, and
// the library is opened when the program runs. The numbers are those of CUDA 11.4 and later, 12 and 13 alike.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace phi3lab::cuda::cublaslt {

using Status = int;  // 0 is success
constexpr Status kNotSupported = 15;

// cudaDataType_t
constexpr int kReal32F = 0, kReal16F = 2, kReal16BF = 14;
// cublasComputeType_t
constexpr int kCompute32F = 68;
// cublasOperation_t
constexpr int32_t kTransposed = 1;
// cublasLtMatmulDescAttributes_t
constexpr int kDescTransA = 3;
// cublasLtMatmulPreferenceAttributes_t; the alignments of A, B, C and D follow each other
constexpr int kPreferenceMaxWorkspaceBytes = 1, kPreferenceMinAlignmentA = 5;

// Opaque to us, held by pointer.
struct Context;
struct MatmulDesc;
struct MatrixLayout;
struct MatmulPreference;

struct MatmulAlgo {
  uint64_t data[8];
};

/** cublasLtMatmulHeuristicResult_t, filled by the library: 96 bytes. */
struct HeuristicResult {
  MatmulAlgo algo;
  size_t workspace_size;
  Status state;
  float waves_count;
  int reserved[4];
};
static_assert(sizeof(HeuristicResult) == 96 && offsetof(HeuristicResult, state) == 72);

/** The functions, by the names of cublasLt.h less their prefix. */
struct Functions {
  Status (*Create)(Context** context);
  Status (*Destroy)(Context* context);
  size_t (*GetVersion)();
  Status (*MatmulDescCreate)(MatmulDesc** desc, int compute_type, int scale_type);
  Status (*MatmulDescDestroy)(MatmulDesc* desc);
  Status (*MatmulDescSetAttribute)(MatmulDesc* desc, int attribute, const void* value, size_t bytes);
  Status (*MatrixLayoutCreate)(MatrixLayout** layout, int type, uint64_t rows, uint64_t cols, int64_t ld);
  Status (*MatrixLayoutDestroy)(MatrixLayout* layout);
  Status (*MatmulPreferenceCreate)(MatmulPreference** preference);
  Status (*MatmulPreferenceDestroy)(MatmulPreference* preference);
  Status (*MatmulPreferenceSetAttribute)(MatmulPreference* preference, int attribute, const void* value, size_t bytes);
  Status (*MatmulAlgoGetHeuristic)(Context* context, MatmulDesc* desc, MatrixLayout* a, MatrixLayout* b,
                                   MatrixLayout* c, MatrixLayout* d, MatmulPreference* preference, int requested,
                                   HeuristicResult* results, int* returned);
  Status (*Matmul)(Context* context, MatmulDesc* desc, const void* alpha, const void* a, MatrixLayout* a_layout,
                   const void* b, MatrixLayout* b_layout, const void* beta, const void* c, MatrixLayout* c_layout,
                   void* d, MatrixLayout* d_layout, const MatmulAlgo* algo, void* workspace, size_t workspace_bytes,
                   cudaStream_t stream);
};

}  // namespace phi3lab::cuda::cublaslt
