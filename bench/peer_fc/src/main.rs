// The peer of bench/fc_server.py: POST /invoke gives the JSON body back, parsed and encoded again.
use actix_web::{web, App, HttpResponse, HttpServer};
use serde_json::Value;

async fn invoke(event: web::Json<Value>) -> HttpResponse {
    HttpResponse::Ok().json(event.into_inner())
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let port: u16 = std::env::var("FC_CUSTOM_LISTEN_PORT").unwrap().parse().unwrap();
    HttpServer::new(|| App::new().route("/invoke", web::post().to(invoke)))
        .workers(2)
        .bind(("127.0.0.1", port))?
        .run()
        .await
}
