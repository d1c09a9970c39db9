"""DRFusion: degradation-robust fusion by a short, deterministic and corrected diffusion."""
