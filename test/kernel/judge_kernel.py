"""An independent judge: jupyter_kernel_test 0.7.0 drives the kernel through jupyter_client.

Run by judge.test.ts, which installs the kernelspec "phi3lab-test" on JUPYTER_PATH.
"""
import unittest

import jupyter_kernel_test


class Phi3labKernelTests(jupyter_kernel_test.KernelTests):
    kernel_name = "phi3lab-test"
    language_name = "typescript"
    file_extension = ".ts"

    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('test')"
    completion_samples = [
        {"text": "consol", "matches": {"console"}},
        {"text": "Math.hypo", "matches": {"hypot"}},
    ]
    complete_code_samples = ["1", "const a = 1;", "function f(x: number) {\n  return x * 2;\n}"]
    incomplete_code_samples = ["function f() {", "[1, 2,", "if (true) {"]
    code_generate_error = "throw new Error('on purpose')"
    code_execute_result = [
        {"code": "1+2+3", "result": "6"},
        {"code": "[1, 2].map((x) => x * 2)", "result": "[ 2, 4 ]"},
    ]
    code_display_data = [
        {"code": "display({ 'text/html': '<b>x</b>' }, { raw: true })", "mime": "text/html"},
        {"code": "import * as tslab from 'tslab'; tslab.display.png(Buffer.from('x'))", "mime": "image/png"},
    ]
    code_inspect_sample = "parseFloat"
    supported_history_operations = ("tail", "range", "search")
    code_history_pattern = "1?2*"
    code_clear_output = "clear_output()"

if __name__ == "__main__":
    unittest.main()
