"""Turn the fitted champion into a bundle: ONNX graph, explainer, decisions, description."""
