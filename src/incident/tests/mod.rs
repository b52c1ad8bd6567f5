mod by_hand;
mod real_dumps;
