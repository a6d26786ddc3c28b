mod patchbay;

use patchbay::{config, export, input, object, storage, Json, Result};

export! {
    /// `{"name": "Ada"}` to `{"text": "Hello, Ada!"}`, with the word that is configured.
    fn greet() -> Result<Json> {
        let person = input::json()?;
        let name = person.get("name").and_then(Json::as_str).ok_or("name: expected text")?;
        let greeting = config::get("greeting").unwrap_or_else(|| "Hello".into());
        Ok(object! { "text": format!("{}, {}!", greeting, name) })
    }

    /// How often it was called, kept in the install's storage.
    fn visit() -> Result<Json> {
        let visits: u32 = storage::get_text("visits")?.map_or(Ok(0), |text| text.parse())?;
        storage::set("visits", (visits + 1).to_string())?;
        Ok((visits + 1).into())
    }
}
