"""The one door to the FirecREST API: nothing else knows pyfirecrest."""
