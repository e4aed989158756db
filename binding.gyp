{
  "targets": [
    {
      "target_name": "phi3lab",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake_js",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build-addon/Release/phi3lab.node"],
          "action": ["node", "node_modules/cmake-js/bin/cmake-js", "compile", "-O", "build-addon"]
        }
      ]
    }
  ]
}
