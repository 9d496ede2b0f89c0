//! The program as it is run: commands, listeners, peers, fleets, and what every answer carries.

mod behind_nginx;
mod cli;
mod demo;
mod edge;
mod errors;
mod fleet;
mod made_up;
mod nul;
mod program;
mod reload;
mod slow_peers;
mod upgraded;
mod walk;
