//! For those who operate the server: `/healthz` (alive), `/readyz` (able to serve and to save), `/metrics`.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::bus::{Bus, BusHealth};
use crate::config::nodes::WithoutRedis;
use crate::hub::Hub;
use crate::room::node::NodeId;
use crate::room::region::Region;
use crate::store::{Store, StoreHealth};

/// What these routes look at.
#[derive(Clone)]
pub struct Health {
    /// The live rooms.
    pub hub: Hub,
    /// Where they are kept.
    pub store: Store,
    /// The other nodes, when there can be any.
    pub nodes: Option<Nodes>,
    /// Bytes that may be unsaved before rooms take no changes.
    pub unsaved_budget: u64,
    /// The numbers, when they are recorded.
    pub metrics: Option<PrometheusHandle>,
}

/// How this server stands with other nodes.
#[derive(Clone)]
pub struct Nodes {
    /// The way to them.
    pub bus: Bus,
    /// What this server says of itself while it hears none of them.
    pub without: WithoutRedis,
}

/// The process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether this server should be sent clients: it is not draining, and what they write can be saved.
pub async fn readyz(State(health): State<Health>) -> Response {
    let store = health.store.health().borrow().clone();
    let (store, healthy) = match store {
        StoreHealth::Healthy => (json!("healthy"), true),
        StoreHealth::Failing { error, .. } => (json!({ "failing": &*error }), false),
    };
    let draining = health.hub.is_draining();
    // A disk that hangs reports no error; what piles up before it does.
    let unsaved = health.store.unsaved_bytes();
    let (nodes, heard) = health.nodes.as_ref().map_or((json!(null), true), nodes);
    let ready = healthy && heard && !draining && unsaved <= health.unsaved_budget / 2;
    let body = json!({
        "ready": ready,
        "draining": draining,
        "store": store,
        "nodes": nodes,
        "unsaved_bytes": unsaved,
        "rooms": health.hub.rooms(),
        "connections": health.hub.connections(),
    });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

/// What is said of other nodes, and whether that is reason enough to be ready.
fn nodes(Nodes { bus, without }: &Nodes) -> (Value, bool) {
    let bus_health = *bus.health().borrow();
    let state = match bus_health {
        BusHealth::Healthy => "healthy",
        BusHealth::Deaf => "messages do not arrive",
        BusHealth::Unheard => "another node and this one do not hear each other",
    };
    let node = |node: NodeId, region: Option<&Region>| json!({ "id": format!("{:016x}", node.0), "region": region.map(Region::as_str) });
    let others: Vec<Value> = bus.others().iter().map(|(id, region)| node(*id, region.as_ref())).collect();
    let own = node(bus.node(), bus.region());
    let ready = bus_health == BusHealth::Healthy || *without == WithoutRedis::Ready;
    (json!({ "bus": state, "this": own, "others": others }), ready)
}

/// The numbers as Prometheus reads them.
pub async fn metrics(State(health): State<Health>) -> Response {
    match &health.metrics {
        Some(handle) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render()).into_response()
        }
        None => Problem::not_found().into_response(),
    }
}
