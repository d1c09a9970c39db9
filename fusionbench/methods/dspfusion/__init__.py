"""DSPFusion: image fusion under degradation, guided by degradation and semantic priors."""
