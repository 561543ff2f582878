"""What the CRM calls: typed requests, one kind of error, one kind of answer."""
