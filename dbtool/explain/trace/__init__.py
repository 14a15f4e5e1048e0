"""What one call of an application sends: grouped, judged, and each statement explained."""
