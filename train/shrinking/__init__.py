"""How a trained network is made smaller: rounds of removal and fine-tuning."""
