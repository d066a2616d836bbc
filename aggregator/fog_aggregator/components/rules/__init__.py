"""Rules over the fleet's numbers, evaluated on slots of the server's time; alerts for whoever is to hear of them."""
