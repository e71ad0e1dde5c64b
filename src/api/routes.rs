//! All routes of REST, with their description and what is around them. Called by `server.rs`.

use axum::Router;
use axum::http::HeaderMap;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::{self, Authentication, Served};
use super::state::Api;
use super::{
    async_api, bootstrap, docs, document, event_schema, events, layers, mcp, members, rooms, suggestions, tickets,
    undo, ysweet,
};

/// `/v1/…`, `/openapi.json` and `/docs`.
pub fn router(api: Api) -> Router {
    let (rest, description) = rest();
    let authentication = if api.access().is_open() { Authentication::Off } else { Authentication::On };
    let served = openapi::complete(description, authentication);
    let socket = Served::new(&async_api::document());
    let cors = layers::cors(api.access().clone());
    let rest = rest
        .merge(ysweet::routes())
        .merge(mcp::routes(&api))
        .method_not_allowed_fallback(layers::method_not_allowed)
        .layer(from_fn_with_state(api.clone(), layers::finish))
        .layer(from_fn_with_state(api.clone(), layers::origin))
        .with_state(api);
    let docs = Router::new()
        .route("/v1/schema", get(async || axum::Json(event_schema::schema())))
        .route("/asyncapi.json", get(async move |headers: HeaderMap| socket.answer(&headers)))
        .route("/openapi.json", get(async move |headers: HeaderMap| served.answer(&headers)))
        .route("/docs", get(docs::redirect))
        .route("/docs/", get(docs::file))
        .route("/docs/{*file}", get(docs::file))
        .method_not_allowed_fallback(layers::method_not_allowed);
    rest.merge(docs)
        .layer(layers::compression())
        .layer(map_response(layers::weaken))
        .layer(cors)
        .layer(from_fn(layers::headers))
}

fn rest() -> (Router<Api>, OpenApi) {
    let json = OpenApiRouter::new()
        .routes(routes!(rooms::list, rooms::create))
        .routes(routes!(bootstrap::get, rooms::configure, rooms::delete))
        .routes(routes!(members::list, members::add))
        .routes(routes!(members::change, members::remove))
        .routes(routes!(tickets::issue))
        .routes(routes!(undo::undo))
        .routes(routes!(suggestions::accept))
        .routes(routes!(suggestions::reject))
        .layer(from_fn(layers::json_answers));
    // The document comes in several forms; its routes choose by themselves.
    OpenApiRouter::with_openapi(openapi::base())
        .merge(json)
        .routes(routes!(document::get, document::update, document::patch))
        .routes(routes!(events::list, events::post))
        .split_for_parts()
}
