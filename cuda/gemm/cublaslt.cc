// Products by cuBLASLt, opened by dlopen: the library is not linked and need not be there.
//
// PHI3LAB_CUBLASLT names the library's file, or is `off`. Otherwise it is looked for by its name (.so.13, then .so.12)
// and where PyPI's packages put it: in the prefixes VIRTUAL_ENV, CONDA_PREFIX and .venv beside this program's checkout.
#include "cublaslt.h"

#include <dlfcn.h>
#include <glob.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <tuple>
#include <vector>

#include "gemm.h"

namespace phi3lab::cuda {
namespace {

using namespace cublaslt;

void check_status(Status status, const char* operation) {
  if (status == 0) return;
  throw std::runtime_error("[cublaslt] status " + std::to_string(status) + " in " + operation);
}
#define PHI3LAB_CUBLASLT_CALL(name, ...) check_status(lt_.name(__VA_ARGS__), "cublasLt" #name)

// Finding the library.

std::vector<std::string> expand(const std::string& pattern) {
  std::vector<std::string> paths;
  glob_t found = {};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return paths;
}

/** The .venv folders beside the file that this code lies in: the addon is <checkout>/build-addon/Release/….node. */
std::vector<std::string> prefixes() {
  std::vector<std::string> found;
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    const char* value = std::getenv(name);
    if (value && *value) found.emplace_back(value);
  }
  Dl_info here = {};
  if (dladdr(reinterpret_cast<const void*>(&prefixes), &here) && here.dli_fname) {
    std::string folder = here.dli_fname;
    for (int level = 0; level < 3; ++level) {
      const size_t slash = folder.rfind('/');
      folder = slash == std::string::npos ? "." : folder.substr(0, slash);
      found.push_back(folder + "/.venv");
      if (slash == std::string::npos) break;
    }
  }
  return found;
}

std::vector<std::string> candidates() {
  const char* named = std::getenv("PHI3LAB_CUBLASLT");
  if (named && *named)
    return std::string(named) == "off" ? std::vector<std::string>() : std::vector{std::string(named)};
  std::vector<std::string> paths = {"libcublasLt.so.13", "libcublasLt.so.12"};
  for (const std::string& prefix : prefixes()) {
    for (const char* folder : {"cu13/lib", "cublas/lib"}) {
      for (const char* suffix : {"13", "12"}) {
        const auto more = expand(prefix + "/lib/python3*/site-packages/nvidia/" + folder + "/libcublasLt.so." + suffix);
        paths.insert(paths.end(), more.begin(), more.end());
      }
    }
  }
  return paths;
}

/** Opened for good (RTLD_NODELETE): closing only gives the handle back, since the CUDA driver may call into it at exit.
 */
struct CloseLibrary {
  void operator()(void* library) const { dlclose(library); }
};
using Library = std::unique_ptr<void, CloseLibrary>;

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, (std::string("cublasLt") + name).c_str()));
  return function != nullptr;
}

bool find_all(void* library, Functions& lt) {
  return find(library, "Create", lt.Create) && find(library, "Destroy", lt.Destroy) &&
         find(library, "GetVersion", lt.GetVersion) && find(library, "MatmulDescCreate", lt.MatmulDescCreate) &&
         find(library, "MatmulDescDestroy", lt.MatmulDescDestroy) &&
         find(library, "MatmulDescSetAttribute", lt.MatmulDescSetAttribute) &&
         find(library, "MatrixLayoutCreate", lt.MatrixLayoutCreate) &&
         find(library, "MatrixLayoutDestroy", lt.MatrixLayoutDestroy) &&
         find(library, "MatmulPreferenceCreate", lt.MatmulPreferenceCreate) &&
         find(library, "MatmulPreferenceDestroy", lt.MatmulPreferenceDestroy) &&
         find(library, "MatmulPreferenceSetAttribute", lt.MatmulPreferenceSetAttribute) &&
         find(library, "MatmulAlgoGetHeuristic", lt.MatmulAlgoGetHeuristic) && find(library, "Matmul", lt.Matmul);
}

// Products.

struct FreeMemory {
  void operator()(void* memory) const { cudaFree(memory); }
};

/** Any of the library's objects, destroyed by its own function. */
template <class T>
using Owned = std::unique_ptr<T, Status (*)(T*)>;

/** What cuBLASLt needs to know of a product. Column-major, as it sees matrices, `out` is (rows, tokens). */
struct Plan {
  Owned<MatmulDesc> desc;
  Owned<MatrixLayout> weight, in, out;
  HeuristicResult choice = {};
  bool possible = false;
};

/** The largest power of two, 256 at most, that an address is a multiple of. */
uint32_t alignment(const void* pointer) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(pointer) | 256;
  return static_cast<uint32_t>(address & (~address + 1));
}

class Loaded final : public CublasLt {
 public:
  /** Plans are for the GPU that is current here; one GPU a Loaded. */
  Loaded(Library library, const Functions& lt) : library_(std::move(library)), lt_(lt), context_(nullptr, lt.Destroy) {
    Context* context = nullptr;
    PHI3LAB_CUBLASLT_CALL(Create, &context);
    context_.reset(context);
    void* workspace = nullptr;
    PHI3LAB_CUDA_CHECK(cudaMalloc(&workspace, kWorkspaceBytes));
    workspace_.reset(workspace);
  }

  bool gemm(const Gemm& p, cudaStream_t stream) override {
    std::lock_guard<std::mutex> lock(mutex_);
    const Key key = {p.tokens,         p.rows,       p.cols,          p.dtype,
                     p.out_float32,    p.accumulate, alignment(p.in), alignment(p.weight),
                     alignment(p.out), out_stride(p)};
    auto found = plans_.find(key);
    if (found == plans_.end()) found = plans_.emplace(key, make_plan(p)).first;
    const Plan& plan = found->second;
    if (!plan.possible) return false;
    const float alpha = 1.f, beta = p.accumulate ? 1.f : 0.f;
    PHI3LAB_CUBLASLT_CALL(Matmul, context_.get(), plan.desc.get(), &alpha, p.weight, plan.weight.get(), p.in,
                          plan.in.get(), &beta, p.out, plan.out.get(), p.out, plan.out.get(), &plan.choice.algo,
                          workspace_.get(), kWorkspaceBytes, stream);
    return true;
  }

  size_t workspace_bytes() const override { return kWorkspaceBytes; }
  size_t version() const override { return lt_.GetVersion(); }

 private:
  // What cuBLAS itself takes on Hopper.
  static constexpr size_t kWorkspaceBytes = size_t{32} << 20;
  using Key = std::tuple<int64_t, int64_t, int64_t, Dtype, bool, bool, uint32_t, uint32_t, uint32_t, int64_t>;

  Owned<MatrixLayout> make_layout(int type, int64_t rows, int64_t cols, int64_t stride) {
    MatrixLayout* layout = nullptr;
    PHI3LAB_CUBLASLT_CALL(MatrixLayoutCreate, &layout, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(cols),
                          stride);
    return {layout, lt_.MatrixLayoutDestroy};
  }

  Plan make_plan(const Gemm& p) {
    const int type = p.dtype == Dtype::bfloat16 ? kReal16BF : kReal16F;
    MatmulDesc* desc = nullptr;
    PHI3LAB_CUBLASLT_CALL(MatmulDescCreate, &desc, kCompute32F, kReal32F);
    Plan plan = {Owned<MatmulDesc>(desc, lt_.MatmulDescDestroy), make_layout(type, p.cols, p.rows, p.cols),
                 make_layout(type, p.cols, p.tokens, p.cols),
                 make_layout(p.out_float32 ? kReal32F : type, p.rows, p.tokens, out_stride(p))};
    PHI3LAB_CUBLASLT_CALL(MatmulDescSetAttribute, desc, kDescTransA, &kTransposed, sizeof kTransposed);

    MatmulPreference* raw = nullptr;
    PHI3LAB_CUBLASLT_CALL(MatmulPreferenceCreate, &raw);
    const Owned<MatmulPreference> preference(raw, lt_.MatmulPreferenceDestroy);
    PHI3LAB_CUBLASLT_CALL(MatmulPreferenceSetAttribute, raw, kPreferenceMaxWorkspaceBytes, &kWorkspaceBytes,
                          sizeof kWorkspaceBytes);
    const uint32_t alignments[] = {alignment(p.weight), alignment(p.in), alignment(p.out), alignment(p.out)};
    for (int i = 0; i < 4; ++i) {
      PHI3LAB_CUBLASLT_CALL(MatmulPreferenceSetAttribute, raw, kPreferenceMinAlignmentA + i, &alignments[i],
                            sizeof alignments[i]);
    }
    int returned = 0;
    const Status status = lt_.MatmulAlgoGetHeuristic(context_.get(), desc, plan.weight.get(), plan.in.get(),
                                                     plan.out.get(), plan.out.get(), raw, 1, &plan.choice, &returned);
    if (status != kNotSupported) check_status(status, "cublasLtMatmulAlgoGetHeuristic");
    plan.possible = status == 0 && returned > 0 && plan.choice.state == 0;
    return plan;
  }

  Library library_;  // first, so that it closes last
  Functions lt_;
  std::unique_ptr<void, FreeMemory> workspace_;
  Owned<Context> context_;
  std::mutex mutex_;
  std::map<Key, Plan> plans_;
};

}  // namespace

std::unique_ptr<CublasLt> CublasLt::load() {
  for (const std::string& path : candidates()) {
    Library library(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE));
    Functions lt = {};
    if (library && find_all(library.get(), lt)) return std::make_unique<Loaded>(std::move(library), lt);
  }
  return nullptr;
}

}  // namespace phi3lab::cuda
