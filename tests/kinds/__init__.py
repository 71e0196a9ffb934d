"""What every kind owes: a life beside two versions of an application, and a way back that leaves nothing."""
