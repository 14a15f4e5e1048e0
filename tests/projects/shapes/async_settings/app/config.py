from functools import lru_cache

from pydantic import BaseModel, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Database(BaseModel):
    url: str
    echo: bool = False

    @property
    def asyncpg_url(self) -> str:
        return self.url.replace("postgresql://", "postgresql+asyncpg://", 1)


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env", env_prefix="SHOP_", env_nested_delimiter="__", extra="ignore"
    )

    db: Database
    secret: SecretStr


@lru_cache
def get_settings() -> Settings:
    return Settings()
