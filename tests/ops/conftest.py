from hypothesis import HealthCheck, settings

# Kernels take longer at their first call than Hypothesis expects of an example.
settings.register_profile("ops", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ops")
